"""Names of a database's errors. Where nothing can be mounted, the databases say themselves that a disk is full."""

import pytest
from sqlalchemy import text

from db.session import Sessions, connect
from jobs.errors import DatabaseUnavailable, DiskFailed, DiskFull

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{}'; END $$"


def meet(sessions: Sessions, sqlstate: str) -> None:
    with sessions.begin() as session:
        session.execute(text(RAISE.format(sqlstate)))


def fill(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.execute(text("PRAGMA max_page_count = 1"))
        session.execute(text("CREATE TABLE large AS SELECT zeroblob(10000000)"))


@pytest.mark.parametrize(
    ("sqlstate", "error"), [("53100", DiskFull), ("58030", DiskFailed), ("53300", DatabaseUnavailable)]
)
def test_an_error_of_postgresql_has_its_name(sqlstate: str, error: type[Exception], postgres_url: str) -> None:
    sessions = connect(postgres_url)
    with pytest.raises(error) as raised:
        meet(sessions, sqlstate)
    assert type(raised.value) is error
    assert sessions.disk.is_full() == (error is DiskFull), "what it refused is remembered for a while"
    sessions.close()


def test_a_full_disk_of_sqlite_has_its_name(sqlite_url: str) -> None:
    sessions = connect(sqlite_url)
    with pytest.raises(DiskFull, match="disk of the database is full"):
        fill(sessions)
    assert not sessions.disk.is_full(), "there is room on this machine's"
    sessions.close()
