"""Names for a database's errors: it does not answer, its disk is full, or its disk fails."""

import shutil
import sqlite3
from pathlib import Path
from time import monotonic

from sqlalchemy import Engine, ExceptionContext, event

from jobs.errors import DatabaseUnavailable, DiskFailed, DiskFull

PRIMARY_CODE = 0xFF
"""Of SQLite's extended result codes, which tell kinds of one error apart."""
BY_SQLITE_CODE = {sqlite3.SQLITE_FULL: DiskFull, sqlite3.SQLITE_IOERR: DiskFailed}
BY_SQLSTATE = {"53100": DiskFull, "58030": DiskFailed}
"""Of PostgreSQL: disk_full and io_error."""

LEAST_FREE_BYTES = 1_000_000
REFUSED_LATELY_SECONDS = 30.0


def translate_error(error: BaseException | None) -> DatabaseUnavailable:
    """The error of ours for one of a driver, or for SQLAlchemy's around it."""
    return classify(getattr(error, "orig", error))()


def classify(error: BaseException | None) -> type[DatabaseUnavailable]:
    code, sqlstate = getattr(error, "sqlite_errorcode", None), getattr(error, "sqlstate", None)
    if code is not None:
        return BY_SQLITE_CODE.get(code & PRIMARY_CODE, DatabaseUnavailable)
    return BY_SQLSTATE.get(sqlstate or "", DatabaseUnavailable)


class Disk:
    """The database's disk: SQLite's is looked at, a server's is known by what it refused in the last half minute."""

    def __init__(self, engine: Engine) -> None:
        name = engine.url.database
        self._folder = Path(name).parent if engine.dialect.name == "sqlite" and name else None
        self._refused_at = float("-inf")
        event.listen(engine, "handle_error", self._note)

    def full(self) -> bool:
        if self._folder is not None:
            return is_full(self._folder)
        return monotonic() - self._refused_at < REFUSED_LATELY_SECONDS

    def _note(self, context: ExceptionContext) -> None:
        if classify(context.original_exception) is DiskFull:
            self._refused_at = monotonic()


def is_full(folder: Path) -> bool:
    """Whether a job could not be stored there; False where nobody can tell."""
    try:
        return shutil.disk_usage(folder).free < LEAST_FREE_BYTES
    except OSError:
        return False
