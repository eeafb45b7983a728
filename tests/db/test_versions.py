"""The schema of another version: refused by name, and never written to."""

import pytest
from sqlalchemy import inspect, text, update

from db import keys, schema
from db.session import Sessions, connect
from jobs.errors import WrongSchema


def set_version(sessions: Sessions, version: str) -> None:
    with sessions.engine.begin() as connection:
        connection.execute(update(schema.ALEMBIC_VERSION).values(version_num=version))


@pytest.mark.parametrize("found", ["0999", "ffff", "nonsense"])
def test_a_schema_of_the_future_is_refused_by_name_and_stays(sessions: Sessions, database_url: str, found: str) -> None:
    set_version(sessions, found)
    before = inspect(sessions.engine).get_table_names()
    with pytest.raises(WrongSchema, match=f"is {found}, this service needs {schema.VERSION}: install"):
        schema.migrate(database_url)
    assert inspect(sessions.engine).get_table_names() == before
    assert schema.read_version(sessions) == found


@pytest.mark.parametrize(("found", "remedy"), [("0001", "activation-lab migrate"), ("0999", "install the version")])
def test_sessions_refuse_everything_while_the_schema_is_not_ours(sessions: Sessions, found: str, remedy: str) -> None:
    set_version(sessions, found)
    with pytest.raises(WrongSchema, match=remedy):
        schema.check(sessions)
    for open_transaction in (sessions.begin, sessions.read):
        with pytest.raises(WrongSchema, match=remedy), open_transaction():
            pytest.fail("a transaction was begun")
    set_version(sessions, schema.VERSION)
    schema.check(sessions)
    with sessions.read() as session:
        assert session.scalar(text("SELECT count(*) FROM jobs")) == 0


def test_a_guarded_process_commits_nothing_once_the_schema_has_changed(sessions: Sessions, database_url: str) -> None:
    guarded = connect(database_url)
    schema.guard(guarded)
    with guarded.begin() as session:
        keys.create(session, "before")
    set_version(sessions, "0999")
    with pytest.raises(WrongSchema), guarded.begin() as session:
        keys.create(session, "after")
    with sessions.read() as session:
        assert session.scalars(text("SELECT name FROM api_keys")).all() == ["before"]
    guarded.close()
