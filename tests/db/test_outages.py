"""Names of a database's errors. Where nothing can be mounted, the databases say themselves that a disk is full."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import IntegrityError

from db.models import Base
from db.session import Sessions, connect
from jobs.errors import DatabaseDamaged, DatabaseUnavailable, DiskFailed, DiskFull, WrongSchema

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{}'; END $$"


def meet(sessions: Sessions, sqlstate: str) -> None:
    with sessions.begin() as session:
        session.execute(text(RAISE.format(sqlstate)))


def fill(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.execute(text("PRAGMA max_page_count = 1"))
        session.execute(text("CREATE TABLE large AS SELECT zeroblob(10000000)"))


@pytest.mark.parametrize(
    ("sqlstate", "error"),
    [
        ("53100", DiskFull),
        ("58030", DiskFailed),
        ("XX001", DatabaseDamaged),
        ("XX002", DatabaseDamaged),
        ("53300", DatabaseUnavailable),
    ],
)
def test_an_error_of_postgresql_has_its_name(sqlstate: str, error: type[Exception], postgres_url: str) -> None:
    sessions = connect(postgres_url)
    with pytest.raises(error) as raised:
        meet(sessions, sqlstate)
    assert type(raised.value) is error
    assert sessions.disk.is_full() == (error is DiskFull), "what it refused is remembered for a while"
    assert sessions.disk.is_damaged == (error is DatabaseDamaged)
    sessions.close()


def test_a_full_disk_of_sqlite_has_its_name(sqlite_url: str) -> None:
    sessions = connect(sqlite_url)
    with pytest.raises(DiskFull, match="disk of the database is full"):
        fill(sessions)
    assert not sessions.disk.is_full(), "there is room on this machine's"
    sessions.close()


@pytest.mark.parametrize("change", ["ALTER TABLE jobs DROP COLUMN retry_of", "DROP TABLE lost_leases"])
def test_a_table_or_column_that_is_not_there_is_a_wrong_schema(sessions: Sessions, change: str) -> None:
    with sessions.begin() as session:
        session.execute(text(change))
    with pytest.raises(WrongSchema), sessions.read() as session:
        session.execute(text("SELECT retry_of FROM jobs, lost_leases"))


def test_a_wrong_statement_and_a_broken_rule_are_no_outages(sessions: Sessions) -> None:
    with pytest.raises(IntegrityError), sessions.begin() as session:
        session.execute(text("INSERT INTO epochs (job_id, epoch) VALUES ('none', 1)"))


def read_everything(sessions: Sessions) -> None:
    with sessions.read() as session:
        for table in Base.metadata.tables.values():
            session.execute(select(table)).all()


@pytest.mark.parametrize("name", ["the first page", "jobs", "events"])
def test_damaged_pages_of_sqlite_have_their_name(sqlite_url: str, name: str) -> None:
    path = Path(make_url(sqlite_url).database or "")
    with closing(sqlite3.connect(path)) as connection:
        roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_master"))
    page = roots.get(name, 1)
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    sessions = connect(sqlite_url)
    with pytest.raises(DatabaseDamaged, match="restored from a backup"):
        read_everything(sessions)
    assert sessions.disk.is_damaged
    sessions.close()
