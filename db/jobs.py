"""Jobs as clients handle them: create, find, cancel, retry, edit and remove, each in the caller's transaction."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from sqlalchemy import Row, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db import activations, events, idempotency, transitions
from db.clock import now
from db.idempotency import Request
from db.job_records import JobRecord, find_record
from db.models import IdempotencyKey, Job, JobMetadata, Sweep
from db.new_jobs import NewJob, add_metadata, check_quota_and_find_position, check_quota_of_owner, insert_job
from db.transitions import CANCELLED_BY_REQUEST, FINAL_EVENTS
from jobs.access import EVERYBODY, NOBODY, Holder
from jobs.bounds import find_metadata_excess
from jobs.errors import DatabaseUnavailable, JobFinished, JobNotFinished, JobNotFound
from jobs.spec import MAX_METADATA, JobSpec
from jobs.state import TERMINAL, JobState
from jobs.stored import parse_spec


def find(session: Session, job_id: str, *, owner: str | None = None) -> Job:
    """Find the job's row, of this owner if one is given. Raises JobNotFound."""
    job = session.get(Job, job_id)
    if job is None or owner not in {None, job.owner}:
        raise JobNotFound(f"there is no job {job_id}")
    return job


class TooMuchMetadata(ValueError):
    """The job would have more metadata than a new one may have."""


def create(
    session: Session,
    spec: JobSpec,
    *,
    max_unfinished: int,
    idempotency_key: str | None = None,
    owner: str = NOBODY,
    max_unfinished_of_owner: int | None = None,
    holder: Holder = EVERYBODY,
) -> tuple[JobRecord, bool]:
    """Accept a job, or find the one that this owner's idempotency key created before (then the flag is true).

    An activation that is not of the catalog is one that the holder sees.

    Raises:
        InvalidSpec: there is no such activation, or it does not have these parameters.
        IdempotencyConflict: the key was used for another request.
        TooManyJobs: `max_unfinished` jobs are already queued or running, or too many of this owner.
    """
    request = Request(owner, idempotency_key, "create a job", spec) if idempotency_key else None
    make = partial(complete_new, session, spec, owner, holder)
    return create_once(session, request, make, max_unfinished, max_unfinished_of_owner)


def complete_new(session: Session, spec: JobSpec, owner: str, holder: Holder) -> NewJob:
    return NewJob(activations.complete(session, spec, holder), owner=owner)


def retry(
    session: Session,
    job_id: str,
    *,
    max_unfinished: int,
    idempotency_key: str | None = None,
    owner: str = NOBODY,
    max_unfinished_of_owner: int | None = None,
) -> tuple[JobRecord, bool]:
    """Accept an ended job's spec as a new job, or find the one created before, as `create` does.

    Raises:
        IdempotencyConflict: the key was used for another request.
        JobNotFound: there is no such job.
        JobNotFinished: it is queued or running.
        UnsupportedSpec: its spec is of another version.
        TooManyJobs: `max_unfinished` jobs are already queued or running, or too many of this owner.
    """
    request = Request(owner, idempotency_key, f"retry job {job_id}") if idempotency_key else None
    again = partial(copy_to_retry, session, job_id, owner)
    return create_once(session, request, again, max_unfinished, max_unfinished_of_owner)


def copy_to_retry(session: Session, job_id: str, owner: str) -> NewJob:
    return NewJob(parse_spec(lock_ended(session, job_id).spec), retry_of=job_id, owner=owner)


def create_once(
    session: Session,
    request: Request | None,
    make: Callable[[], NewJob],
    max_unfinished: int,
    max_unfinished_of_owner: int | None,
) -> tuple[JobRecord, bool]:
    if request is None:
        inserted = insert_job(session, make())
    elif first := idempotency.find(session, request):
        return find_record(session, first.job_id or ""), True
    else:
        job = make()
        try:
            with session.begin_nested():
                inserted = insert_job(session, job)
                idempotency.remember(session, request, job_id=job.id)
        except IntegrityError:
            return find_record(session, find_first(session, request).job_id or ""), True
    position = check_quota_and_find_position(session, max_unfinished, inserted.job.id)
    check_quota_of_owner(session, inserted.job.owner, max_unfinished_of_owner)
    return inserted.make_record(position), False


def find_first(session: Session, request: Request) -> IdempotencyKey:
    """Find the key of a concurrent request whose insert was first; ours waited for its commit."""
    first = idempotency.find(session, request)
    if first is None:  # what it created is deleted already; the client's next attempt creates another
        raise DatabaseUnavailable("the job that this Idempotency-Key created has just been deleted; try again")
    return first


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
        TooMuchMetadata: the result has more entries, or more text, than a new job may have.
    """
    job = lock(session, job_id)
    merged = {} if changes is None else {**job.spec.get("metadata", {}), **changes}
    kept = {key: value for key, value in merged.items() if value is not None}
    if len(kept) > MAX_METADATA:
        raise TooMuchMetadata(f"the job would have {len(kept)} entries; the maximum is {MAX_METADATA}")
    if excess := find_metadata_excess(kept):
        raise TooMuchMetadata(f"the job would have {excess['metadata']}")
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
