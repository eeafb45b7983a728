"""Jobs that may be deleted because they ended long ago, or because many ended after them."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, aliased

from db.clock import after
from db.models import Job
from jobs.state import TERMINAL


def list_expired(session: Session, *, max_age: timedelta | None = None, keep: int | None = None) -> Sequence[str]:
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
    return session.scalars(
        select(ended.c.id).where(or_(*expired), ~unfinished.exists()).order_by(ended.c.finished_at, ended.c.id)
    ).all()
