"""Outages of the database by name: it does not answer, its disk is full or fails, its files or its schema are wrong."""

import re
import sqlite3
from pathlib import Path
from time import monotonic

from sqlalchemy import Engine, ExceptionContext, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from jobs.errors import DatabaseDamaged, DatabaseUnavailable, DiskFailed, DiskFull, WrongSchema
from storage.disk import is_full

PRIMARY_CODE = 0xFF
"""A mask for SQLite's extended result codes, which subdivide its primary codes."""
BY_SQLITE_CODE = {
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_IOERR: DiskFailed,
    sqlite3.SQLITE_CORRUPT: DatabaseDamaged,
    sqlite3.SQLITE_NOTADB: DatabaseDamaged,
}
MISSING_IN_SQLITE = re.compile("no such (table|column)|has no column named")
"""SQLite has one code for these and for a wrong statement."""
BY_SQLSTATE = {
    "53100": DiskFull,  # disk_full
    "58030": DiskFailed,  # io_error
    "XX001": DatabaseDamaged,  # data_corrupted
    "XX002": DatabaseDamaged,  # index_corrupted
    "42P01": WrongSchema,  # undefined_table
    "42703": WrongSchema,  # undefined_column
}

RECENT_REFUSAL_SECONDS = 30.0


def translate_error(error: DBAPIError | PoolTimeout, folder: Path | None = None) -> DatabaseUnavailable | None:
    """Translate SQLAlchemy's error into one of ours; None if it is no outage. SQLite's files are in the folder."""
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable()
    known = classify(error.orig)
    if known is None and not isinstance(error, OperationalError | InterfaceError):
        return None
    if may_lack_room(error.orig) and folder is not None and is_full(folder):
        return DiskFull()
    return (known or DatabaseUnavailable)()


def may_lack_room(error: BaseException | None) -> bool:
    """Whether it may be that SQLite found no room for the files beside the database: it does not say so."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & PRIMARY_CODE in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


def find_folder(engine: Engine) -> Path | None:
    """Find the folder of a SQLite database; None for any other."""
    name = engine.url.database
    return Path(name).parent if engine.dialect.name == "sqlite" and name else None


def classify(error: BaseException | None) -> type[DatabaseUnavailable] | None:
    """Classify an error of a driver; None if it says no more than its class."""
    code, sqlstate = getattr(error, "sqlite_errorcode", None), getattr(error, "sqlstate", None)
    if code is None:
        return BY_SQLSTATE.get(sqlstate or "")
    if MISSING_IN_SQLITE.match(str(error)):
        return WrongSchema
    return BY_SQLITE_CODE.get(code & PRIMARY_CODE)


class Disk:
    """The database's disk: SQLite's is measured, a server's is known from what it refused in the last half minute.

    Damage of its files is known once a statement has met it.
    """

    def __init__(self, engine: Engine) -> None:
        self._folder = find_folder(engine)
        self._refused_at = float("-inf")
        self.is_damaged = False
        event.listen(engine, "handle_error", self._note)

    def is_full(self) -> bool:
        if self._folder is not None:
            return is_full(self._folder)
        return monotonic() - self._refused_at < RECENT_REFUSAL_SECONDS

    def _note(self, context: ExceptionContext) -> None:
        found = classify(context.original_exception)
        if found is DiskFull:
            self._refused_at = monotonic()
        elif found is DatabaseDamaged:
            self.is_damaged = True
