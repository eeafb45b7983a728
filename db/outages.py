"""Outages of the database by name: it does not answer, its disk is full, or its disk fails."""

import sqlite3
from pathlib import Path
from time import monotonic

from sqlalchemy import Engine, ExceptionContext, event

from jobs.errors import DatabaseUnavailable, DiskFailed, DiskFull
from storage.disk import is_full

PRIMARY_CODE = 0xFF
"""A mask for SQLite's extended result codes, which subdivide its primary codes."""
BY_SQLITE_CODE = {sqlite3.SQLITE_FULL: DiskFull, sqlite3.SQLITE_IOERR: DiskFailed}
BY_SQLSTATE = {"53100": DiskFull, "58030": DiskFailed}
"""PostgreSQL's disk_full and io_error."""

RECENT_REFUSAL_SECONDS = 30.0


def translate_error(error: BaseException | None) -> DatabaseUnavailable:
    """Translate an error of a driver, or SQLAlchemy's around it, into one of ours."""
    return classify(getattr(error, "orig", error))()


def classify(error: BaseException | None) -> type[DatabaseUnavailable]:
    code, sqlstate = getattr(error, "sqlite_errorcode", None), getattr(error, "sqlstate", None)
    if code is not None:
        return BY_SQLITE_CODE.get(code & PRIMARY_CODE, DatabaseUnavailable)
    return BY_SQLSTATE.get(sqlstate or "", DatabaseUnavailable)


class Disk:
    """The database's disk: SQLite's is measured, a server's is known from what it refused in the last half minute."""

    def __init__(self, engine: Engine) -> None:
        name = engine.url.database
        self._folder = Path(name).parent if engine.dialect.name == "sqlite" and name else None
        self._refused_at = float("-inf")
        event.listen(engine, "handle_error", self._note)

    def is_full(self) -> bool:
        if self._folder is not None:
            return is_full(self._folder)
        return monotonic() - self._refused_at < RECENT_REFUSAL_SECONDS

    def _note(self, context: ExceptionContext) -> None:
        if classify(context.original_exception) is DiskFull:
            self._refused_at = monotonic()
