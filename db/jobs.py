"""Jobs as clients handle them: create, find, cancel, retry, edit and remove, each in the caller's transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Row, delete, func, insert, literal, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from db import events, idempotency, transitions
from db.clock import now
from db.idempotency import NOBODY, Request
from db.models import IdempotencyKey, Job, JobMetadata, Sweep
from db.transitions import CANCELLED_BY_REQUEST, FINAL_EVENTS
from jobs.errors import DatabaseUnavailable, JobFinished, JobNotFinished, JobNotFound, TooManyJobs
from jobs.spec import MAX_METADATA, JobSpec
from jobs.state import TERMINAL, JobState
from jobs.sweep import Configuration

UNFINISHED = frozenset(JobState) - TERMINAL

QUOTA_LOCK = 7_310_578  # any number, the same in every process


def find(session: Session, job_id: str) -> Job:
    """Find the job's row. Raises JobNotFound."""
    job = session.get(Job, job_id)
    if job is None:
        raise JobNotFound(f"there is no job {job_id}")
    return job


class TooMuchMetadata(ValueError):
    """The job would have more metadata than a JobSpec allows."""


def create(
    session: Session,
    spec: JobSpec,
    *,
    max_unfinished: int,
    idempotency_key: str | None = None,
    key_holder: str = NOBODY,
) -> tuple[Job, bool]:
    """Accept a job, or find the one that this holder's idempotency key created before (then the flag is true).

    Raises:
        IdempotencyConflict: the key was used for another request.
        TooManyJobs: `max_unfinished` jobs are already queued or running.
    """
    request = Request(key_holder, idempotency_key, "create a job", spec) if idempotency_key else None
    return create_once(session, request, lambda: NewJob(spec), max_unfinished=max_unfinished)


def retry(
    session: Session,
    job_id: str,
    *,
    max_unfinished: int,
    idempotency_key: str | None = None,
    key_holder: str = NOBODY,
) -> tuple[Job, bool]:
    """Accept an ended job's spec as a new job, or find the one created before, as `create` does.

    Raises:
        IdempotencyConflict: the key was used for another request.
        JobNotFound: there is no such job.
        JobNotFinished: it is queued or running.
        TooManyJobs: `max_unfinished` jobs are already queued or running.
    """
    request = Request(key_holder, idempotency_key, f"retry job {job_id}") if idempotency_key else None
    again = partial(copy_to_retry, session, job_id)
    return create_once(session, request, again, max_unfinished=max_unfinished)


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be inserted."""

    spec: JobSpec
    retry_of: str | None = None
    sweep_id: str | None = None
    sweep_position: int | None = None
    configuration: Configuration | None = None
    id: str = field(default_factory=lambda: str(uuid7()))


def copy_to_retry(session: Session, job_id: str) -> NewJob:
    return NewJob(JobSpec.model_validate(lock_ended(session, job_id).spec), retry_of=job_id)


def create_once(
    session: Session, request: Request | None, make: Callable[[], NewJob], *, max_unfinished: int
) -> tuple[Job, bool]:
    if request is not None and (first := idempotency.find(session, request)):
        return find(session, first.job_id or ""), True
    job = make()
    try:
        with session.begin_nested():
            insert_jobs(session, [job])
            if request is not None:
                idempotency.remember(session, request, job_id=job.id)
    except IntegrityError:
        if request is None:
            raise
        return find(session, find_first(session, request).job_id or ""), True
    check_quota(session, max_unfinished)
    return find(session, job.id), False


def find_first(session: Session, request: Request) -> IdempotencyKey:
    """Find the key of a concurrent request whose insert was first; ours waited for its commit."""
    first = idempotency.find(session, request)
    if first is None:  # what it created is deleted already; the client's next attempt creates another
        raise DatabaseUnavailable("the job that this Idempotency-Key created has just been deleted; try again")
    return first


def insert_jobs(session: Session, jobs: Sequence[NewJob]) -> None:
    """Insert the jobs with their rows in other tables: one statement for each table, however many jobs there are."""
    times = {"created_at": now(), "run_after": now(), "hint_sent_at": now()}
    session.execute(insert(Job).values(times), list(map(make_columns, jobs)))
    add_metadata(session, {job.id: job.spec.metadata for job in jobs})
    events.emit_all(
        session, [(job.id, 1, "state", transitions.make_state_data(JobState.QUEUED, "accepted")) for job in jobs]
    )


def add_metadata(session: Session, by_job: Mapping[str, Mapping[str, str]]) -> None:
    rows = [
        {"job_id": job_id, "key": key, "value": value}
        for job_id, metadata in by_job.items()
        for key, value in metadata.items()
    ]
    if rows:
        session.execute(insert(JobMetadata), rows)


def make_columns(job: NewJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "state": JobState.QUEUED,
        "spec": job.spec.model_dump(mode="json"),
        "activation": job.spec.activation,
        "sweep_id": job.sweep_id,
        "sweep_position": job.sweep_position,
        "sweep_configuration": job.configuration and job.configuration.number,
        "sweep_values": job.configuration and dict(job.configuration.values),
        "retry_of": job.retry_of,
        "attempt": 0,
        "crashes": 0,
        "crashes_without_progress": 0,
        "event_seq": 1,
        "epochs_total": job.spec.epochs,
        "epochs_done": 0,
    }


def check_quota(session: Session, max_unfinished: int) -> None:
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": QUOTA_LOCK})
    # Each state has a partial index; "state IN" both would be a scan of all jobs there ever were, under the lock.
    counts = (select(func.count()).where(Job.state == state).scalar_subquery() for state in UNFINISHED)
    unfinished = session.scalar(select(sum(counts, literal(0)))) or 0
    if unfinished > max_unfinished:
        raise TooManyJobs(f"{max_unfinished} jobs are queued or running; wait for one to end")


def request_cancel(session: Session, job_id: str) -> Job:
    """Cancel a queued job at once, ask the worker of a running job to stop; idempotent.

    Raises:
        JobNotFound: there is no such job.
        JobFinished: it has succeeded or failed.
    """
    job = lock(session, job_id)
    if job.state == JobState.QUEUED:
        transitions.end(session, job, JobState.CANCELLED, CANCELLED_BY_REQUEST, cancel_requested_at=now())
    elif job.state == JobState.RUNNING and job.cancel_requested_at is None:
        job.cancel_requested_at = now()
    elif job.state in {JobState.SUCCEEDED, JobState.FAILED}:
        raise JobFinished(f"the job has already {job.state}")
    session.flush()
    session.refresh(job)
    return job


def cancel_all(session: Session, jobs: Sequence[Row[str, str]]) -> None:
    """Do the same for many unfinished jobs, given by id and state and already locked, in a few statements."""
    queued = [job_id for job_id, state in jobs if state == JobState.QUEUED]
    cancelled = session.execute(
        update(Job)
        .where(Job.id.in_(queued), Job.state == JobState.QUEUED)
        .values(
            state=JobState.CANCELLED,
            cancel_requested_at=now(),
            finished_at=now(),
            event_seq=Job.event_seq + len(FINAL_EVENTS),
        )
        .returning(Job.id, Job.event_seq, Job.attempt)
    ).all()
    events.emit_all(
        session,
        [
            event
            for row in cancelled
            for event in transitions.make_final_events(*row, JobState.CANCELLED, CANCELLED_BY_REQUEST)
        ],
    )
    running = [job_id for job_id, state in jobs if state == JobState.RUNNING]
    unasked = Job.id.in_(running), Job.state == JobState.RUNNING, Job.cancel_requested_at.is_(None)
    session.execute(update(Job).where(*unasked).values(cancel_requested_at=now()))


def edit_metadata(session: Session, job_id: str, changes: Mapping[str, str | None] | None) -> None:
    """Merge the changes into the job's metadata, in any state: None removes a key, None for `changes` removes all.

    The row is locked before it is read, so that two edits at once lose nothing. Only the spec's metadata changes, which
    no worker reads; the digest of the request that created the job stays, so its replay is still the same request.

    Raises:
        JobNotFound: there is no such job.
        TooMuchMetadata: the result has more entries than a spec may.
    """
    job = lock(session, job_id)
    merged = {} if changes is None else {**job.spec.get("metadata", {}), **changes}
    kept = {key: value for key, value in merged.items() if value is not None}
    if len(kept) > MAX_METADATA:
        raise TooMuchMetadata(f"the job would have {len(kept)} entries; the maximum is {MAX_METADATA}")
    job.spec = {**job.spec, "metadata": kept}
    session.flush()
    session.execute(delete(JobMetadata).where(JobMetadata.job_id == job_id))
    add_metadata(session, {job_id: kept})


def remove(session: Session, job_id: str) -> None:
    """Delete an ended job with all its rows; the caller deletes its folder of checkpoints.

    Raises:
        JobNotFound: there is no such job.
        JobNotFinished: it is queued or running.
    """
    job = lock_ended(session, job_id)
    session.execute(delete(Job).where(Job.id == job_id))
    if job.sweep_id is not None:
        remove_empty_sweep(session, job.sweep_id)


def refuse_unremovable(session: Session, job_id: str) -> None:
    """Raise what `remove` would raise, without a lock: a job that has ended stays ended."""
    refuse_unfinished(find(session, job_id))


def remove_empty_sweep(session: Session, sweep_id: str) -> None:
    """Delete a sweep with its last job; the lock is for two jobs deleted at once."""
    session.execute(select(Sweep.id).where(Sweep.id == sweep_id).with_for_update())
    jobs = select(Job.id).where(Job.sweep_id == sweep_id)
    session.execute(delete(Sweep).where(Sweep.id == sweep_id, ~jobs.exists()))


def lock_ended(session: Session, job_id: str) -> Job:
    job = lock(session, job_id)
    refuse_unfinished(job)
    return job


def refuse_unfinished(job: Job) -> None:
    if job.state not in TERMINAL:
        raise JobNotFinished(f"the job is {job.state}; it must end first")


def lock(session: Session, job_id: str) -> Job:
    job = session.get(Job, job_id, with_for_update=True)
    if job is None:
        raise JobNotFound(f"there is no job {job_id}")
    return job
