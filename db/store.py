"""The verbs of the job protocol (docs/decisions/0002): what moves a job, each guarded by its own WHERE clause.

The caller owns the transaction. Every verb that a worker uses updates the job row first, which locks it and re-checks
the lease; only then does it insert. A lease that no longer holds raises Fenced.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Row, case, delete, func, insert, literal, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from db import idempotency, queries
from db.clock import after, now
from db.idempotency import NOBODY, Request
from db.models import Checkpoint, Epoch, Event, IdempotencyKey, Job, JobMetadata, Layer, LostLease, Sweep
from db.text import storable
from jobs import diagnosis
from jobs.errors import (
    DatabaseUnavailable,
    Fenced,
    JobFinished,
    JobNotFinished,
    JobNotFound,
    RepeatedCrash,
    TooManyJobs,
    TrainingError,
)
from jobs.metrics import Environment, EpochMetrics, Evaluation, LayerMetrics
from jobs.spec import MAX_METADATA, JobSpec
from jobs.state import TERMINAL, JobState
from jobs.sweep import Configuration

MAX_CRASHES_WITHOUT_PROGRESS = 3
MAX_CRASHES = 20
CLOCK_SLACK_SECONDS = 5
"""A stored time this far in the future is from before the clock was set back."""
REAPED_AT_ONCE = 25
CHECKPOINTS_KEPT = 2
UNFINISHED = frozenset(JobState) - TERMINAL
CANCELLED_BY_REQUEST = "cancelled by request"
ENDING = ("state", "end")
NewEvent = tuple[str, int, str, dict[str, Any]]
"""Job id, number, kind and data."""
QUOTA_LOCK = 7_310_578  # any number, the same in every process


class TooMuchMetadata(ValueError):
    """A job would have more metadata than a JobSpec may."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's hold on a job; `attempt` fences off every earlier holder."""

    job_id: str
    owner: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Claim:
    lease: Lease
    spec: JobSpec
    epochs_done: int


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    epoch: int
    attempt: int
    path: str
    """Relative to CHECKPOINTS_URL."""
    sha256: str
    size_bytes: int


# --- clients ---


def create(
    session: Session,
    spec: JobSpec,
    *,
    max_unfinished: int,
    idempotency_key: str | None = None,
    key_holder: str = NOBODY,
) -> tuple[Job, bool]:
    """Accept a job; or find the one that this holder's idempotency key made before (then the flag is true).

    Raises:
        IdempotencyConflict: the key was used for another request.
        TooManyJobs: `max_unfinished` jobs are queued or running already.
    """
    request = Request(key_holder, idempotency_key, "create a job", spec) if idempotency_key else None
    return made_once(session, request, lambda: NewJob(spec), max_unfinished=max_unfinished)


def retry(
    session: Session,
    job_id: str,
    *,
    max_unfinished: int,
    idempotency_key: str | None = None,
    key_holder: str = NOBODY,
) -> tuple[Job, bool]:
    """Accept an ended job's spec as a new job; or find the one made before, as `create` does.

    Raises:
        IdempotencyConflict: the key was used for another request.
        JobNotFound: there is no such job.
        JobNotFinished: it is queued or running.
        TooManyJobs: `max_unfinished` jobs are queued or running already.
    """
    request = Request(key_holder, idempotency_key, f"retry job {job_id}") if idempotency_key else None
    again = partial(retry_of, session, job_id)
    return made_once(session, request, again, max_unfinished=max_unfinished)


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be inserted."""

    spec: JobSpec
    retry_of: str | None = None
    sweep_id: str | None = None
    sweep_position: int | None = None
    configuration: Configuration | None = None
    id: str = field(default_factory=lambda: str(uuid7()))


def retry_of(session: Session, job_id: str) -> NewJob:
    return NewJob(JobSpec.model_validate(ended(session, job_id).spec), retry_of=job_id)


def made_once(
    session: Session, request: Request | None, make: Callable[[], NewJob], *, max_unfinished: int
) -> tuple[Job, bool]:
    if request is not None and (first := idempotency.find(session, request)):
        return queries.find(session, first.job_id or ""), True
    job = make()
    try:
        with session.begin_nested():
            insert_jobs(session, [job])
            if request is not None:
                idempotency.remember(session, request, job_id=job.id)
    except IntegrityError:
        if request is None:
            raise
        return queries.find(session, first_made(session, request).job_id or ""), True
    check_quota(session, max_unfinished)
    return queries.find(session, job.id), False


def first_made(session: Session, request: Request) -> IdempotencyKey:
    """The key of a request that won: its insert was first, and ours waited for its commit."""
    first = idempotency.find(session, request)
    if first is None:  # what it made is deleted already; the client's next attempt makes another
        raise DatabaseUnavailable("the job that this Idempotency-Key made was deleted just now; try again")
    return first


def insert_jobs(session: Session, jobs: Sequence[NewJob]) -> None:
    """With all that belongs to a new job in other tables; a statement a table, however many jobs there are."""
    times = {"created_at": now(), "run_after": now(), "hint_sent_at": now()}
    session.execute(insert(Job).values(times), list(map(first_columns, jobs)))
    add_metadata(session, {job.id: job.spec.metadata for job in jobs})
    emit_all(session, [(job.id, 1, "state", state_data(JobState.QUEUED, "accepted")) for job in jobs])


def add_metadata(session: Session, by_job: Mapping[str, Mapping[str, str]]) -> None:
    rows = [
        {"job_id": job_id, "key": key, "value": value}
        for job_id, metadata in by_job.items()
        for key, value in metadata.items()
    ]
    if rows:
        session.execute(insert(JobMetadata), rows)


def first_columns(job: NewJob) -> dict[str, Any]:
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
    """Cancel a queued job at once, ask the worker of a running one; a second time changes nothing.

    Raises:
        JobNotFound: there is no such job.
        JobFinished: it has succeeded or failed.
    """
    job = locked(session, job_id)
    if job.state == JobState.QUEUED:
        end(session, job, JobState.CANCELLED, CANCELLED_BY_REQUEST, cancel_requested_at=now())
    elif job.state == JobState.RUNNING and job.cancel_requested_at is None:
        job.cancel_requested_at = now()
    elif job.state in {JobState.SUCCEEDED, JobState.FAILED}:
        raise JobFinished(f"the job has {job.state} already")
    session.flush()
    session.refresh(job)
    return job


def cancel_all(session: Session, jobs: Sequence[Row[str, str]]) -> None:
    """The same for many unfinished jobs, given by id and state and locked by now; a few statements for all."""
    queued = [job_id for job_id, state in jobs if state == JobState.QUEUED]
    cancelled = session.execute(
        update(Job)
        .where(Job.id.in_(queued), Job.state == JobState.QUEUED)
        .values(
            state=JobState.CANCELLED,
            cancel_requested_at=now(),
            finished_at=now(),
            event_seq=Job.event_seq + len(ENDING),
        )
        .returning(Job.id, Job.event_seq, Job.attempt)
    ).all()
    emit_all(session, [event for row in cancelled for event in ending(*row, JobState.CANCELLED, CANCELLED_BY_REQUEST)])
    running = [job_id for job_id, state in jobs if state == JobState.RUNNING]
    asked = Job.id.in_(running), Job.state == JobState.RUNNING, Job.cancel_requested_at.is_(None)
    session.execute(update(Job).where(*asked).values(cancel_requested_at=now()))


def edit_metadata(session: Session, job_id: str, changes: Mapping[str, str | None] | None) -> None:
    """Merge the changes into the job's metadata, whatever its state: None removes a key, None for all of it everything.

    The row is locked before it is read, so that two edits at once lose nothing. Only the spec's metadata changes, which
    no worker looks at; the digest of the request that made the job stays, so a replay of it is still the same request.

    Raises:
        JobNotFound: there is no such job.
        TooMuchMetadata: it would be more than a spec may hold.
    """
    job = locked(session, job_id)
    merged = {} if changes is None else {**job.spec.get("metadata", {}), **changes}
    kept = {key: value for key, value in merged.items() if value is not None}
    if len(kept) > MAX_METADATA:
        raise TooMuchMetadata(f"the job would have {len(kept)} entries, and {MAX_METADATA} are the most")
    job.spec = {**job.spec, "metadata": kept}
    session.flush()
    session.execute(delete(JobMetadata).where(JobMetadata.job_id == job_id))
    add_metadata(session, {job_id: kept})


def remove(session: Session, job_id: str) -> None:
    """Delete an ended job with all its rows; its folder of checkpoints is the caller's to delete.

    Raises:
        JobNotFound: there is no such job.
        JobNotFinished: it is queued or running.
    """
    job = ended(session, job_id)
    session.execute(delete(Job).where(Job.id == job_id))
    if job.sweep_id is not None:
        remove_empty_sweep(session, job.sweep_id)


def removable(session: Session, job_id: str) -> None:
    """Raises what `remove` would raise, without a lock: a job that has ended stays so."""
    refuse_unfinished(queries.find(session, job_id))


def remove_empty_sweep(session: Session, sweep_id: str) -> None:
    """A sweep goes with its last job; the lock is for two that go at once."""
    session.execute(select(Sweep.id).where(Sweep.id == sweep_id).with_for_update())
    jobs = select(Job.id).where(Job.sweep_id == sweep_id)
    session.execute(delete(Sweep).where(Sweep.id == sweep_id, ~jobs.exists()))


def ended(session: Session, job_id: str) -> Job:
    job = locked(session, job_id)
    refuse_unfinished(job)
    return job


def refuse_unfinished(job: Job) -> None:
    if job.state not in TERMINAL:
        raise JobNotFinished(f"the job is {job.state}; it has to end first")


def locked(session: Session, job_id: str) -> Job:
    job = session.get(Job, job_id, with_for_update=True)
    if job is None:
        raise JobNotFound(f"there is no job {job_id}")
    return job


# --- workers ---


def claim(session: Session, job_id: str, owner: str, *, lease_seconds: float) -> Claim | None:
    """Take a queued job, or None where the hint was stale, doubled or early."""
    row = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.QUEUED, queries.is_due(), Job.cancel_requested_at.is_(None))
        .values(
            state=JobState.RUNNING,
            attempt=Job.attempt + 1,
            lease_owner=owner,
            lease_expires_at=after(lease_seconds),
            started_at=func.coalesce(Job.started_at, now()),
            event_seq=Job.event_seq + 1,
        )
        .returning(Job.attempt, Job.spec, Job.epochs_done, Job.event_seq)
    ).one_or_none()
    if row is None:
        return None
    emit(session, job_id, row.event_seq, "state", state_data(JobState.RUNNING, f"claimed by {owner}", row.attempt))
    return Claim(Lease(job_id, owner, row.attempt), JobSpec.model_validate(row.spec), row.epochs_done)


def describe(session: Session, lease: Lease, environment: Environment) -> None:
    """Say where the job is trained. Raises Fenced when the lease is lost."""
    revise(session, lease, environment=asdict(environment))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a lease stands."""

    wanted: bool
    """False once a client has asked to cancel."""
    to_be_renewed: bool
    """The lease ends earlier, or later, than the worker believes: it was suspended, or the clock was set."""


def look(session: Session, lease: Lease, *, lease_seconds: float, heartbeat_seconds: float) -> Standing:
    """How the lease stands, by the database's clock; cheaper than a heartbeat, so it can be asked often.

    Raises:
        Fenced: the lease is lost.
    """
    least, most = lease_seconds - 1.5 * heartbeat_seconds, lease_seconds + CLOCK_SLACK_SECONDS
    odd = or_(Job.lease_expires_at < after(least), Job.lease_expires_at > after(most))
    row = session.execute(select(Job.cancel_requested_at, odd.label("odd")).where(*held(lease))).one_or_none()
    if row is None:
        raise Fenced
    return Standing(row.cancel_requested_at is None, bool(row.odd))


def heartbeat(session: Session, lease: Lease, *, lease_seconds: float) -> None:
    """Renew the lease. Raises Fenced when it is lost."""
    revise(session, lease, lease_expires_at=after(lease_seconds))


def revise(session: Session, lease: Lease, **values: Any) -> None:  # noqa: ANN401  # columns
    if session.execute(update(Job).where(*held(lease)).values(**values).returning(Job.id)).one_or_none() is None:
        raise Fenced


def record_epoch(
    session: Session,
    lease: Lease,
    metrics: EpochMetrics,
    *,
    layers: Sequence[LayerMetrics] = (),
    checkpoint: CheckpointFile | None = None,
) -> None:
    """Store one epoch and what it shows to be wrong, exactly once: calling again after a lost answer changes nothing.

    Raises:
        Fenced: the lease is lost.
    """
    row = session.execute(
        update(Job)
        .where(*held(lease), Job.epochs_done == metrics.epoch - 1)
        .values(
            epochs_done=metrics.epoch,
            crashes_without_progress=0,
            epoch_seconds=mean_with(metrics.epoch_seconds, count=metrics.epoch),
            event_seq=Job.event_seq + 1,
            **best_with(metrics),
        )
        .returning(Job.event_seq, Job.spec, Job.diagnoses)
    ).one_or_none()
    if row is None:
        confirm_recorded(session, lease, metrics.epoch)
        return
    session.execute(
        insert(Epoch).values(job_id=lease.job_id, attempt=lease.attempt, recorded_at=now(), **asdict(metrics))
    )
    if layers:
        rows = [{"job_id": lease.job_id, "position": at, **asdict(layer)} for at, layer in enumerate(layers)]
        session.execute(insert(Layer), rows)
    if checkpoint is not None:
        session.execute(insert(Checkpoint).values(job_id=lease.job_id, created_at=now(), **asdict(checkpoint)))
    emit(session, lease.job_id, row.event_seq, "epoch", {"epoch": metrics.epoch})
    tell_diagnoses(session, lease.job_id, JobSpec.model_validate(row.spec), row.diagnoses or [])


def tell_diagnoses(session: Session, job_id: str, spec: JobSpec, known: Sequence[diagnosis.Record]) -> None:
    """Write what is wrong since the epoch just stored; the job row is locked by now."""
    now_known, new = diagnosis.followed(known, queries.diagnosable(session, job_id, spec))
    if now_known == known:
        return
    seq = session.execute(
        update(Job)
        .where(Job.id == job_id)
        .values(diagnoses=now_known, event_seq=Job.event_seq + len(new))
        .returning(Job.event_seq)
    ).scalar_one()
    for number, record in enumerate(new, start=seq - len(new) + 1):
        emit(session, job_id, number, "diagnosis", dict(record))


def mean_with(value: float, *, count: int) -> ColumnElement[float]:
    return (func.coalesce(Job.epoch_seconds, 0.0) * (count - 1) + value) / count


def best_with(metrics: EpochMetrics) -> dict[str, ColumnElement[Any]]:
    better = or_(Job.best_val_loss.is_(None), Job.best_val_loss > metrics.val_loss)
    return {
        "best_epoch": case((better, metrics.epoch), else_=Job.best_epoch),
        "best_val_accuracy": case((better, metrics.val_accuracy), else_=Job.best_val_accuracy),
        "best_val_loss": case((better, metrics.val_loss), else_=Job.best_val_loss),
    }


def confirm_recorded(session: Session, lease: Lease, epoch: int) -> None:
    """No row was updated: either our own COMMIT went through and its answer was lost, or we are fenced."""
    recorded = session.get(Epoch, (lease.job_id, epoch))
    if recorded is None or recorded.attempt != lease.attempt:
        raise Fenced


def succeed(session: Session, lease: Lease, test: Evaluation) -> None:
    """End the job as succeeded, which it can only with all its epochs.

    Raises:
        Fenced: the lease is lost.
    """
    finish(
        session,
        lease,
        JobState.SUCCEEDED,
        "all epochs done",
        test_loss=test.loss,
        test_accuracy=test.accuracy,
        test_binary_accuracy=test.binary_accuracy,
    )


def fail(session: Session, lease: Lease, error: TrainingError) -> None:
    """End the job as failed; its epochs so far stay. Raises Fenced when the lease is lost."""
    finish(session, lease, JobState.FAILED, error.code, error_code=error.code, error_message=storable(str(error)))


def cancel(session: Session, lease: Lease) -> None:
    """End the job as its client asked. Raises Fenced when the lease is lost."""
    finish(session, lease, JobState.CANCELLED, CANCELLED_BY_REQUEST)


def finish(session: Session, lease: Lease, state: JobState, reason: str, **values: Any) -> None:  # noqa: ANN401  # columns
    guard = [Job.epochs_done == Job.epochs_total] if state == JobState.SUCCEEDED else []
    job = session.scalars(select(Job).where(*held(lease), *guard).with_for_update()).one_or_none()
    if job is not None:
        end(session, job, state, reason, **values)
        return
    now_is = session.get(Job, lease.job_id)
    if now_is is None or (now_is.state, now_is.attempt) != (state, lease.attempt):  # else: a lost COMMIT answer
        raise Fenced


def release(session: Session, lease: Lease, reason: str) -> None:
    """Give the job back unfinished, as a draining worker does; no crash is counted.

    Raises:
        Fenced: the lease is lost.
    """
    job = session.scalars(select(Job).where(*held(lease)).with_for_update()).one_or_none()
    if job is None:
        raise Fenced
    requeue(session, job, reason)


def take_back_crash(session: Session, lease: Lease) -> bool:
    """Count no crash where this worker, which lives, lost its lease by being silent; true where one was counted.

    Exactly once for a lease, whoever holds the job now. What has ended stays ended. A job that waits for the back-off
    of this crash is due again.
    """
    job = session.get(Job, lease.job_id, with_for_update=True, populate_existing=True)
    if job is None:
        return False
    lost = session.execute(
        delete(LostLease)
        .where(LostLease.job_id == lease.job_id, LostLease.attempt == lease.attempt)
        .returning(LostLease.epochs_done)
    ).one_or_none()
    if lost is None or job.state in TERMINAL:
        return False
    job.crashes -= 1
    if job.epochs_done == lost.epochs_done:  # else that epoch has reset the count
        job.crashes_without_progress -= 1
    if job.state == JobState.QUEUED:
        job.run_after = after(backoff(job.crashes_without_progress))
    session.flush()
    return True


def checkpoints(session: Session, lease: Lease) -> Sequence[Checkpoint]:
    """Those to go on from, newest first."""
    return queries.checkpoints(session, lease.job_id)


def forget_stale_checkpoints(session: Session, lease: Lease) -> list[str]:
    """Forget all checkpoints but the last two and the best; the paths of the files to delete after the commit."""
    rows = checkpoints(session, lease)
    best = session.scalar(select(Job.best_epoch).where(Job.id == lease.job_id))
    stale = [row for row in rows[CHECKPOINTS_KEPT:] if row.epoch != best]
    for row in stale:
        session.delete(row)
    return [row.path for row in stale]


def held(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    return (
        Job.id == lease.job_id,
        Job.state == JobState.RUNNING,
        Job.attempt == lease.attempt,
        Job.lease_owner == lease.owner,
    )


# --- the reconciler ---


def reap(session: Session, *, owned_by: str | None = None, cause: str = "its lease ran out") -> list[str]:
    """Take jobs from workers that are lost: those whose lease ran out, or those of an owner known to be dead.

    `owned_by` names a process of a worker, or a worker with all its processes. Returns the ids of the jobs it moved.
    """
    lost = Job.lease_expires_at < now() if owned_by is None else owned(owned_by)
    jobs = session.scalars(
        select(Job)
        .where(Job.state == JobState.RUNNING, lost)
        .order_by(Job.lease_expires_at)
        .limit(REAPED_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for job in jobs:
        if owned_by is None:  # its worker may live
            lost_lease = {"job_id": job.id, "attempt": job.attempt, "epochs_done": job.epochs_done}
            session.execute(insert(LostLease).values(lost_lease))
        count_crash(session, job, cause)
    return [job.id for job in jobs]


def shorten_leases(session: Session, *, lease_seconds: float) -> None:
    """Let no lease run longer than one just taken, as after the clock was set back; a worker that lives renews it."""
    too_long = Job.lease_expires_at > after(lease_seconds + CLOCK_SLACK_SECONDS)
    session.execute(
        update(Job).where(Job.state == JobState.RUNNING, too_long).values(lease_expires_at=after(lease_seconds))
    )


def owned(owner: str) -> ColumnElement[bool]:
    return or_(Job.lease_owner == owner, Job.lease_owner.startswith(f"{owner}/", autoescape=True))


def lease_owners(session: Session, worker: str) -> Sequence[str]:
    """The processes of this worker that hold a lease."""
    owners = session.scalars(select(Job.lease_owner).where(owned(worker)))
    return [owner for owner in owners if owner is not None]


def count_crash(session: Session, job: Job, cause: str) -> None:
    job.crashes += 1
    job.crashes_without_progress += 1
    hopeless = job.crashes_without_progress >= MAX_CRASHES_WITHOUT_PROGRESS or job.crashes >= MAX_CRASHES
    if hopeless and job.cancel_requested_at is None:
        since = f"{job.crashes_without_progress} of them since its last epoch"
        message = f"{job.crashes} workers died training this job, {since}; the last one: {cause}"
        end(session, job, JobState.FAILED, message, error_code=RepeatedCrash.code, error_message=message)
    else:
        requeue(session, job, f"worker lost: {cause}", backoff_seconds=backoff(job.crashes_without_progress))


def backoff(crashes_without_progress: int) -> float:
    """Seconds to wait: none after the first crash, then 5, 10, 20 and so on."""
    return (
        min(5.0 * 2 ** (crashes_without_progress - 2), queries.LONGEST_BACKOFF_SECONDS)
        if crashes_without_progress > 1
        else 0
    )


def due(session: Session, *, resend_after_seconds: float, limit: int) -> list[str]:
    """Queued jobs that need a hint, marked as sent: send them after the commit."""
    sent_in_the_future = Job.hint_sent_at > after(CLOCK_SLACK_SECONDS)  # the clock was set back
    unsent = or_(Job.hint_sent_at.is_(None), Job.hint_sent_at < after(-resend_after_seconds), sent_in_the_future)
    chosen = (
        select(Job.id)
        .where(Job.state == JobState.QUEUED, queries.is_due(), unsent)
        .order_by(Job.run_after, Job.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(chosen))
    session.execute(update(Job).where(Job.id.in_(ids)).values(hint_sent_at=now()))
    return ids


def count_due(session: Session) -> int:
    return session.scalar(select(func.count()).where(Job.state == JobState.QUEUED, queries.is_due())) or 0


def mark_unsent(session: Session, job_ids: Iterable[str]) -> None:
    """The broker did not take these hints: the reconciler is to send them."""
    session.execute(update(Job).where(Job.id.in_(list(job_ids))).values(hint_sent_at=None))


# --- the moves themselves; the job row is locked by now ---


def end(session: Session, job: Job, state: JobState, reason: str, **values: Any) -> None:  # noqa: ANN401  # columns
    attempt = job.attempt
    seq = move(session, job, state, events=len(ENDING), finished_at=now(), **values)
    emit_all(session, ending(job.id, seq, attempt, state, reason))


def ending(job_id: str, seq: int, attempt: int, state: JobState, reason: str) -> list[NewEvent]:
    """The last two events of a job; `seq` is the number of the very last."""
    data = state_data(state, reason, attempt), {"state": state}
    return [(job_id, seq - 1 + at, kind, data[at]) for at, kind in enumerate(ENDING)]


def requeue(session: Session, job: Job, reason: str, *, backoff_seconds: float = 0) -> None:
    """Back to the queue, unless its client no longer wants it."""
    if job.cancel_requested_at is not None:
        end(session, job, JobState.CANCELLED, CANCELLED_BY_REQUEST)
        return
    seq = move(session, job, JobState.QUEUED, events=1, run_after=after(backoff_seconds), hint_sent_at=None)
    emit(session, job.id, seq, "state", state_data(JobState.QUEUED, reason, job.attempt))


def move(session: Session, job: Job, state: JobState, *, events: int, **values: Any) -> int:  # noqa: ANN401  # columns
    """Leave the present state and its lease; returns the last of the `events` numbers that are now to be written."""
    session.flush()
    return session.execute(
        update(Job)
        .where(Job.id == job.id, Job.state == job.state)
        .values(state=state, lease_owner=None, lease_expires_at=None, event_seq=Job.event_seq + events, **values)
        .returning(Job.event_seq)
    ).scalar_one()


def state_data(state: JobState, reason: str, attempt: int = 0) -> dict[str, Any]:
    return {"state": state, "reason": reason, "attempt": attempt}


def emit(session: Session, job_id: str, seq: int, kind: str, data: dict[str, Any]) -> None:
    session.execute(insert(Event).values(job_id=job_id, seq=seq, kind=kind, data=data, at=now()))


def emit_all(session: Session, events: Iterable[NewEvent]) -> None:
    rows = [{"job_id": job_id, "seq": seq, "kind": kind, "data": data} for job_id, seq, kind, data in events]
    if rows:
        session.execute(insert(Event).values(at=now()), rows)
