"""Copies of the whole database: one as of a moment into a SQLite file, while others write, and back again."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Table, func, insert, select
from sqlalchemy.orm import Session

from db.models import Base
from db.session import Sessions, open_transaction

BATCH_ROWS = 1000


def copy_all(source: Sessions, target: Sessions) -> None:
    """Copy every row as of one moment, in one transaction; both databases have this version's schema.

    Raises:
        DatabaseUnavailable: either does not answer, or its disk is full. Nothing was copied.
    """
    with open_snapshot(source) as reading, target.begin() as writing:
        for table in Base.metadata.sorted_tables:  # those that others refer to come first
            copy_table(reading, writing, table)


@contextmanager
def open_snapshot(sessions: Sessions) -> Iterator[Session]:
    """Open a transaction that sees what its first statement sees: SQLite's always does."""
    isolation = {} if sessions.engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with open_transaction(sessions.engine.execution_options(read_only=True, **isolation)) as session:
        yield session


def copy_table(reading: Session, writing: Session, table: Table) -> None:
    rows = reading.execute(select(table), execution_options={"yield_per": BATCH_ROWS})
    for batch in rows.mappings().partitions():
        writing.execute(insert(table), [dict(row) for row in batch])


def is_empty(sessions: Sessions) -> bool:
    with sessions.read() as session:
        return not any(session.scalar(select(func.count()).select_from(table)) for table in Base.metadata.sorted_tables)
