from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from db.session import Sessions, connect


@pytest.fixture
def sessions(postgres_url: str) -> Iterator[Sessions]:
    sessions = connect(postgres_url)
    yield sessions
    sessions.close()


def test_a_connection_whose_ping_ends_in_any_error_is_replaced(sessions: Sessions, monkeypatch: pytest.MonkeyPatch):
    def ping(_connection: psycopg.Connection) -> bool:
        raise psycopg.ProgrammingError("can't change 'autocommit' now: connection in transaction status ACTIVE")

    def answering_process() -> int:
        with sessions.read() as session:
            return int(session.execute(text("SELECT pg_backend_pid()")).scalar_one())

    before = answering_process()
    monkeypatch.setattr(sessions.engine.dialect, "do_ping", ping)
    assert answering_process() != before


def test_a_connection_in_use_is_closed_when_it_is_returned_to_sessions_that_are_closed(database_url: str):
    closed = connect(database_url)
    with closed.read() as session:
        used: Any = session.connection().connection.driver_connection
        closed.close()
        session.execute(text("SELECT 1"))
    with pytest.raises(closed.engine.dialect.loaded_dbapi.Error):
        used.cursor().execute("SELECT 1")
