"""The database's clock: the only one that is ever compared, because machines disagree."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, TypeDecorator, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

SLACK_SECONDS = 5
"""A stored time this far in the future is from before the clock was set back."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, also where the database (SQLite) keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored")
        return value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        return parse_utc if dialect.name == "sqlite" else super().result_processor(dialect, coltype)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)


def parse_utc(stored: str | None) -> datetime | None:
    """Parse a time as SQLite stores it; without SQLAlchemy's regular expression, as a page of jobs has hundreds."""
    return None if stored is None else datetime.fromisoformat(f"{stored}+00:00")


class after(FunctionElement[datetime]):  # noqa: N801  # reads as the SQL function it becomes
    """The database's time so many seconds from now (negative: ago), as it is when the statement runs."""

    type = UtcDateTime()
    inherit_cache = True


def now() -> after:
    return after(0.0)


@compiles(after, "sqlite")
def after_on_sqlite(element: after, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401  # SQLAlchemy's
    # %f has milliseconds; the zeros make it compare as text with SQLAlchemy's own six digits.
    seconds = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', ({seconds}) || ' seconds')"


@compiles(after, "postgresql")
def after_on_postgresql(element: after, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401  # SQLAlchemy's
    # clock_timestamp, not now(): a transaction that waited for a lock must not renew a lease in the past.
    seconds = compiler.process(element.clauses, **options)
    return f"clock_timestamp() + make_interval(secs => {seconds})"


def read_clock(session: Session) -> datetime:
    """Read the database's time."""
    return session.scalars(select(now())).one()
