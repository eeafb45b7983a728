"""Jobs that may be deleted because they ended long ago, or because many ended after them."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, aliased

from db.clock import after
from db.models import Job
from db.session import Sessions, translate_outages
from jobs.state import TERMINAL

RETENTION_LOCK = 7_310_578


def list_expired(
    session: Session, *, max_age: timedelta | None = None, keep: int | None = None, limit: int | None = None
) -> Sequence[str]:
    """List the jobs that ended longer ago than `max_age`, or are not among the last `keep`; the oldest first.

    A job of a sweep counts only once all of the sweep's jobs have ended, so that a sweep loses none of its seeds.
    """
    number = func.row_number().over(order_by=(Job.finished_at.desc(), Job.id.desc())).label("number")
    ended = select(Job.id, Job.finished_at, Job.sweep_id, number).where(Job.state.in_(TERMINAL)).subquery()
    expired: list[ColumnElement[bool]] = []
    if max_age is not None:
        expired.append(ended.c.finished_at < after(-max_age.total_seconds()))
    if keep is not None:
        expired.append(ended.c.number > keep)
    sibling = aliased(Job)
    unfinished = select(sibling.id).where(sibling.sweep_id == ended.c.sweep_id, sibling.state.not_in(TERMINAL))
    oldest_first = select(ended.c.id).order_by(ended.c.finished_at, ended.c.id)
    return session.scalars(oldest_first.where(or_(*expired), ~unfinished.exists()).limit(limit)).all()


@contextmanager
def try_turn(sessions: Sessions) -> Iterator[bool]:
    """Take the turn at deleting expired jobs until the end of the block; yields False while another process has it.

    The server, or the kernel, ends the turn of a process that dies.
    """
    if sessions.engine.dialect.name == "sqlite":
        with try_file_lock(Path(f"{sessions.engine.url.database}-retention")) as taken:
            yield taken
    else:
        with try_advisory_lock(sessions) as taken:
            yield taken


@contextmanager
def try_file_lock(path: Path) -> Iterator[bool]:
    with path.open("a") as file:
        taken = False
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = True
        yield taken


@contextmanager
def try_advisory_lock(sessions: Sessions) -> Iterator[bool]:
    """Hold a lock of a connection, and no transaction: files may be deleted slowly."""
    with translate_outages(), sessions.engine.connect() as connection:
        taken = bool(connection.scalar(select(func.pg_try_advisory_lock(RETENTION_LOCK))))
        connection.commit()
        try:
            yield taken
        finally:
            if taken:
                connection.scalar(select(func.pg_advisory_unlock(RETENTION_LOCK)))
                connection.commit()
