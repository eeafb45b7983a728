"""Whose jobs and sweeps there are: what another owner has is as if it did not exist."""

from collections.abc import Collection, Mapping

from sqlalchemy import BindParameter, Column, ColumnElement, and_, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.models import Job, Sweep
from jobs.errors import JobNotFound, SweepNotFound

NO_OWNER: ColumnElement[str] = literal_column("''")


def is_owned(column: Column[str] | InstrumentedAttribute[str], owner: str | BindParameter[str]) -> ColumnElement[bool]:
    """Whether the row is of this owner; the index has only rows with one, and no planner knows what a parameter is."""
    return and_(column == owner, column != NO_OWNER)


def refuse_others(session: Session, owner: str, named: Mapping[str, str]) -> None:
    """Refuse a job or sweep of another owner, named by `job_id` or `sweep_id`. Raises JobNotFound or SweepNotFound."""
    job_id, sweep_id = named.get("job_id"), named.get("sweep_id")
    if job_id is not None and session.scalar(select(Job.owner).where(Job.id == job_id)) != owner:
        raise JobNotFound(f"there is no job {job_id}")
    if sweep_id is not None and session.scalar(select(Sweep.owner).where(Sweep.id == sweep_id)) != owner:
        raise SweepNotFound(f"there is no sweep {sweep_id}")


def find_own_jobs(session: Session, owner: str, job_ids: Collection[str]) -> set[str]:
    """Find which of these jobs are this owner's."""
    return {*session.scalars(select(Job.id).where(Job.id.in_(job_ids), Job.owner == owner))}
