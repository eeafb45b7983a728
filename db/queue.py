"""The queue for the reconciler: jobs of lost workers, back-off, and queued jobs that need a hint."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, bindparam, func, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from db import transitions
from db.clock import SLACK_SECONDS, after, now
from db.models import Job, LostLease, get_table
from jobs.errors import RepeatedCrash
from jobs.state import JobState

LONGEST_BACKOFF_SECONDS = 300

MAX_CRASHES_WITHOUT_PROGRESS = 3

MAX_CRASHES = 20

REAP_BATCH = 25


JOBS = get_table(Job)
QUEUED = JOBS.c.state == JobState.QUEUED
OWN = select(JOBS.c.run_after, JOBS.c.id).where(JOBS.c.id == bindparam("job_id"), QUEUED).subquery()
SELECT_POSITION = (  # all before it, counted in an index
    select(func.count())
    .select_from(JOBS, OWN)
    .where(QUEUED, tuple_(JOBS.c.run_after, JOBS.c.id) <= tuple_(OWN.c.run_after, OWN.c.id))
)
"""Selects the place of a job in the queue; 0 if it is not queued."""


def find_positions(session: Session, ids: Sequence[str]) -> dict[str, int]:
    """Find the places of queued jobs in the queue, from 1; jobs that are not queued are missing."""
    if not ids:
        return {}
    if len(ids) == 1:
        number = session.scalar(SELECT_POSITION, {"job_id": ids[0]})
        return {ids[0]: number} if number else {}
    position = func.row_number().over(order_by=(Job.run_after, Job.id)).label("position")
    queue = select(Job.id, position).where(Job.state == JobState.QUEUED).subquery()
    return {row.id: row.position for row in session.execute(select(queue).where(queue.c.id.in_(ids)))}


def is_due() -> ColumnElement[bool]:
    """Whether a queued job may be claimed; if it waits longer than any back-off, the clock was set back."""
    return or_(Job.run_after <= now(), Job.run_after > after(LONGEST_BACKOFF_SECONDS + 1))


def reap(session: Session, *, owned_by: str | None = None, cause: str = "its lease ran out") -> list[str]:
    """Requeue or fail jobs of lost workers: jobs whose lease expired, or jobs of an owner known to be dead.

    `owned_by` names a process of a worker, or a worker with all its processes. Returns the ids of these jobs.
    """
    lost = Job.lease_expires_at < now() if owned_by is None else held_by(owned_by)
    jobs = session.scalars(
        select(Job)
        .where(Job.state == JobState.RUNNING, lost)
        .order_by(Job.lease_expires_at)
        .limit(REAP_BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for job in jobs:
        if owned_by is None:  # its worker may be alive
            lost_lease = {"job_id": job.id, "attempt": job.attempt, "epochs_done": job.epochs_done}
            session.execute(insert(LostLease).values(lost_lease))
        count_crash(session, job, cause)
    return [job.id for job in jobs]


def shorten_leases(session: Session, *, lease_seconds: float) -> None:
    """Shorten leases longer than a new one, as after the clock was set back; a live worker renews its lease."""
    too_long = Job.lease_expires_at > after(lease_seconds + SLACK_SECONDS)
    session.execute(
        update(Job).where(Job.state == JobState.RUNNING, too_long).values(lease_expires_at=after(lease_seconds))
    )


def held_by(owner: str) -> ColumnElement[bool]:
    return or_(Job.lease_owner == owner, Job.lease_owner.startswith(f"{owner}/", autoescape=True))


def list_lease_owners(session: Session, worker: str) -> Sequence[str]:
    """List the processes of this worker that hold a lease."""
    owners = session.scalars(select(Job.lease_owner).where(held_by(worker)))
    return [owner for owner in owners if owner is not None]


def count_crash(session: Session, job: Job, cause: str) -> None:
    job.crashes += 1
    job.crashes_without_progress += 1
    hopeless = job.crashes_without_progress >= MAX_CRASHES_WITHOUT_PROGRESS or job.crashes >= MAX_CRASHES
    if hopeless and job.cancel_requested_at is None:
        since = f"{job.crashes_without_progress} of them since its last epoch"
        message = f"{job.crashes} workers died training this job, {since}; the last one: {cause}"
        transitions.end(session, job, JobState.FAILED, message, error_code=RepeatedCrash.code, error_message=message)
    else:
        transitions.requeue(
            session, job, f"worker lost: {cause}", backoff_seconds=compute_backoff_seconds(job.crashes_without_progress)
        )


def compute_backoff_seconds(crashes_without_progress: int) -> float:
    """Compute the wait: none after the first crash, then 5, 10, 20 seconds and so on."""
    return (
        min(5.0 * 2 ** (crashes_without_progress - 2), LONGEST_BACKOFF_SECONDS) if crashes_without_progress > 1 else 0
    )


def take_due(session: Session, *, resend_after_seconds: float, limit: int) -> list[str]:
    """Take queued jobs that need a hint and mark it as sent; the caller sends it after the commit."""
    sent_in_the_future = Job.hint_sent_at > after(SLACK_SECONDS)  # the clock was set back
    unsent = or_(Job.hint_sent_at.is_(None), Job.hint_sent_at < after(-resend_after_seconds), sent_in_the_future)
    chosen = (
        select(Job.id)
        .where(Job.state == JobState.QUEUED, is_due(), unsent)
        .order_by(Job.run_after, Job.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(chosen))
    session.execute(update(Job).where(Job.id.in_(ids)).values(hint_sent_at=now()))
    return ids


def count_due(session: Session) -> int:
    return session.scalar(select(func.count()).where(Job.state == JobState.QUEUED, is_due())) or 0


def mark_unsent(session: Session, job_ids: Iterable[str]) -> None:
    """Mark hints that the broker did not take, so that the reconciler sends them."""
    session.execute(update(Job).where(Job.id.in_(list(job_ids))).values(hint_sent_at=None))
