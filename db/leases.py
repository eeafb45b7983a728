"""Leases of workers on jobs, and what may be written under one (docs/architecture.md); each WHERE checks the lease.

The caller owns the transaction. Every function updates the job row first, which locks it and checks the lease again;
only then does it insert. A write under a lost lease raises Fenced.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, delete, func, insert, literal, null, or_, select, update
from sqlalchemy.orm import Session

from db import checkpoints, events, history, queue, transitions
from db.checkpoints import CheckpointFile
from db.clock import SLACK_SECONDS, after, now
from db.models import Checkpoint, Epoch, Job, Layer, LearntParameter, LostLease, NullableJson, get_table
from db.text import make_storable
from db.transitions import CANCELLED_BY_REQUEST
from jobs import diagnosis
from jobs.errors import Fenced, TrainingError, UnsupportedSpec
from jobs.metrics import Environment, EpochMetrics, Evaluation, LayerMetrics, ParameterMetrics
from jobs.progress import EpochProgress
from jobs.spec import JobSpec
from jobs.state import TERMINAL, JobState
from jobs.stored import parse_spec

log = logging.getLogger(__name__)

JOBS, EPOCHS, PARAMETERS = get_table(Job), get_table(Epoch), get_table(LearntParameter)


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's hold on a job; `attempt` fences off every earlier holder."""

    job_id: str
    owner: str
    attempt: int


def held(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    """Whether the job is still held under this lease: the fence of every write of a worker."""
    return (
        JOBS.c.id == lease.job_id,
        JOBS.c.state == JobState.RUNNING,
        JOBS.c.attempt == lease.attempt,
        JOBS.c.lease_owner == lease.owner,
    )


@dataclass(frozen=True, slots=True)
class Claim:
    lease: Lease
    spec: JobSpec
    epochs_done: int


def claim(session: Session, job_id: str, owner: str, *, lease_seconds: float) -> Claim | None:
    """Claim a queued job; None if the hint was stale, duplicated or early.

    A job whose spec is of another version fails at once, or it would stay queued for ever.
    """
    row = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.QUEUED, queue.is_due(), Job.cancel_requested_at.is_(None))
        .values(
            state=JobState.RUNNING,
            attempt=Job.attempt + 1,
            lease_owner=owner,
            lease_expires_at=after(lease_seconds),
            started_at=func.coalesce(Job.started_at, now()),
            epoch_progress=None,
            event_seq=Job.event_seq + 1,
        )
        .returning(Job.attempt, Job.spec, Job.epochs_done, Job.event_seq)
    ).one_or_none()
    if row is None:
        return None
    events.emit(
        session,
        job_id,
        row.event_seq,
        "state",
        transitions.make_state_data(JobState.RUNNING, f"claimed by {owner}", row.attempt),
    )
    lease = Lease(job_id, owner, row.attempt)
    try:
        return Claim(lease, parse_spec(row.spec), row.epochs_done)
    except UnsupportedSpec as error:
        log.warning("job %s: %s", job_id, error)
        fail(session, lease, error)
        return None


def record_start(
    session: Session, lease: Lease, environment: Environment, parameters: Sequence[ParameterMetrics] = ()
) -> None:
    """Store where the job is trained, and once what its learnt parameters start from.

    Raises:
        Fenced: the lease is lost.
    """
    update_held(session, lease, environment=asdict(environment))
    started = select(PARAMETERS.c.job_id).where(PARAMETERS.c.job_id == lease.job_id).exists()
    if parameters and not session.scalar(select(started)):  # else an earlier attempt did, or this one before an outage
        insert_parameters(session, lease, parameters)


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """The state of a lease that its worker has to react to."""

    cancel_requested: bool
    needs_renewal: bool
    """The lease ends earlier or later than the worker assumes: the worker was suspended, or the clock was set."""


def check(session: Session, lease: Lease, *, lease_seconds: float, heartbeat_seconds: float) -> LeaseStatus:
    """Check the lease by the database's clock; cheaper than a heartbeat, so it can be called often.

    Raises:
        Fenced: the lease is lost.
    """
    least, most = lease_seconds - 1.5 * heartbeat_seconds, lease_seconds + SLACK_SECONDS
    odd = or_(Job.lease_expires_at < after(least), Job.lease_expires_at > after(most))
    row = session.execute(select(Job.cancel_requested_at, odd.label("odd")).where(*held(lease))).one_or_none()
    if row is None:
        raise Fenced
    return LeaseStatus(cancel_requested=row.cancel_requested_at is not None, needs_renewal=bool(row.odd))


def heartbeat(session: Session, lease: Lease, *, lease_seconds: float, progress: EpochProgress | None = None) -> None:
    """Renew the lease, and store how far the epoch in training is. Raises Fenced when the lease is lost."""
    values = {} if progress is None else {"epoch_progress": keep_if_current(progress)}
    update_held(session, lease, lease_expires_at=after(lease_seconds), **values)


def keep_if_current(progress: EpochProgress) -> ColumnElement[Any]:
    """Take this progress only of the epoch after the last recorded one: the training thread may have recorded it."""
    measured = literal(asdict(progress), NullableJson)
    return case((Job.epochs_done == progress.epoch - 1, measured), else_=Job.epoch_progress)


def update_held(session: Session, lease: Lease, **values: Any) -> None:  # noqa: ANN401  # columns
    if session.execute(update(Job).where(*held(lease)).values(**values).returning(Job.id)).one_or_none() is None:
        raise Fenced


HELD = held(Lease(*[bindparam(f"held_{field.name}") for field in fields(Lease)]))  # type: ignore[arg-type]  # for statements made once
MEASURED = [field.name for field in fields(EpochMetrics)]
NEW = {name: bindparam(f"new_{name}", type_=EPOCHS.c[name].type) for name in MEASURED}
IS_BETTER = or_(JOBS.c.best_val_loss.is_(None), JOBS.c.best_val_loss > NEW["val_loss"])
BEST = {"best_epoch": "epoch", "best_val_loss": "val_loss", "best_val_accuracy": "val_accuracy"}
SUM_OF_SECONDS = func.coalesce(JOBS.c.epoch_seconds, 0.0) * (NEW["epoch"] - 1) + NEW["epoch_seconds"]
UPDATE_JOB = (
    update(JOBS)
    .where(*HELD, JOBS.c.epochs_done == NEW["epoch"] - 1)
    .values(
        epochs_done=NEW["epoch"],
        epoch_progress=null(),
        crashes_without_progress=0,
        epoch_seconds=SUM_OF_SECONDS / NEW["epoch"],
        event_seq=JOBS.c.event_seq + 1,
        **{name: case((IS_BETTER, NEW[figure]), else_=JOBS.c[name]) for name, figure in BEST.items()},
    )
    .returning(JOBS.c.event_seq, JOBS.c.spec, JOBS.c.diagnoses, JOBS.c.best_epoch)
)
INSERT_EPOCH = insert(EPOCHS).values(recorded_at=now())
INSERT_LAYERS = insert(get_table(Layer))
INSERT_PARAMETERS = insert(PARAMETERS)
INSERT_CHECKPOINT = insert(get_table(Checkpoint)).values(created_at=now())


def record_epoch(
    session: Session,
    lease: Lease,
    metrics: EpochMetrics,
    *,
    layers: Sequence[LayerMetrics] = (),
    checkpoint: CheckpointFile | None = None,
    parameters: Sequence[ParameterMetrics] = (),
) -> None:
    """Store one epoch and its diagnoses exactly once; idempotent, so a caller may repeat it after a lost answer.

    Raises:
        Fenced: the lease is lost.
    """
    figures = {name: getattr(metrics, name) for name in MEASURED}
    bound = prefix("held", asdict(lease)) | prefix("new", figures)
    row = session.execute(UPDATE_JOB, bound).one_or_none()
    if row is None:
        confirm_recorded(session, lease, metrics.epoch)
        return
    of_job = {"job_id": lease.job_id}
    session.execute(INSERT_EPOCH, {**of_job, "attempt": lease.attempt, **figures})
    if layers:
        session.execute(INSERT_LAYERS, [{**of_job, "position": at, **asdict(layer)} for at, layer in enumerate(layers)])
    if checkpoint is not None:
        session.execute(INSERT_CHECKPOINT, {**of_job, **asdict(checkpoint)})
    if parameters:
        insert_parameters(session, lease, parameters)
    events.emit(session, lease.job_id, row.event_seq, "epoch", {"epoch": metrics.epoch})
    seen = history.read_for_diagnosis(session, lease.job_id, parse_spec(row.spec), first_epoch=row.best_epoch)
    record_diagnoses(session, lease.job_id, row.diagnoses or [], seen)


def insert_parameters(session: Session, lease: Lease, parameters: Sequence[ParameterMetrics]) -> None:
    """Insert the values of learnt parameters; the job row is already locked, and the lease held."""
    rows = [{"job_id": lease.job_id, "position": at, **asdict(values)} for at, values in enumerate(parameters)]
    session.execute(INSERT_PARAMETERS, rows)


def prefix(word: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Name parameters of an UPDATE, which may not have the names of columns."""
    return {f"{word}_{name}": value for name, value in values.items()}


def record_diagnoses(session: Session, job_id: str, known: Sequence[diagnosis.Record], seen: diagnosis.History) -> None:
    """Store diagnoses that changed with the epoch just stored; the job row is already locked."""
    now_known, new = diagnosis.update_records(known, seen)
    if now_known == known:
        return
    seq = session.execute(
        update(JOBS)
        .where(JOBS.c.id == job_id)
        .values(diagnoses=now_known, event_seq=JOBS.c.event_seq + len(new))
        .returning(JOBS.c.event_seq)
    ).scalar_one()
    for number, record in enumerate(new, start=seq - len(new) + 1):
        events.emit(session, job_id, number, "diagnosis", dict(record))


def confirm_recorded(session: Session, lease: Lease, epoch: int) -> None:
    """Check, when no row was updated, whether our own COMMIT succeeded and its answer was lost; else raise Fenced."""
    recorded = session.get(Epoch, (lease.job_id, epoch))
    if recorded is None or recorded.attempt != lease.attempt:
        raise Fenced


def succeed(session: Session, lease: Lease, test: Evaluation) -> None:
    """End the job as succeeded, which requires all its epochs.

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
    """End the job as failed; its epochs so far are kept. Raises Fenced when the lease is lost."""
    finish(session, lease, JobState.FAILED, error.code, error_code=error.code, error_message=make_storable(str(error)))


def cancel(session: Session, lease: Lease) -> None:
    """End the job as cancelled. Raises Fenced when the lease is lost."""
    finish(session, lease, JobState.CANCELLED, CANCELLED_BY_REQUEST)


def finish(session: Session, lease: Lease, state: JobState, reason: str, **values: Any) -> None:  # noqa: ANN401  # columns
    guard = [Job.epochs_done == Job.epochs_total] if state == JobState.SUCCEEDED else []
    job = session.scalars(select(Job).where(*held(lease), *guard).with_for_update()).one_or_none()
    if job is not None:
        transitions.end(session, job, state, reason, **values)
        return
    now_is = session.get(Job, lease.job_id)
    if now_is is None or (now_is.state, now_is.attempt) != (
        state,
        lease.attempt,
    ):  # else the answer to our COMMIT was lost
        raise Fenced


def release(session: Session, lease: Lease, reason: str) -> None:
    """Requeue the job unfinished, as a draining worker does; no crash is counted.

    Raises:
        Fenced: the lease is lost.
    """
    job = session.scalars(select(Job).where(*held(lease)).with_for_update()).one_or_none()
    if job is None:
        raise Fenced
    transitions.requeue(session, job, reason)


def take_back_crash(session: Session, lease: Lease) -> bool:
    """Undo the crash counted when this worker, which is alive, was silent and lost its lease; returns whether it did.

    A lease is undone at most once, whoever holds the job now. A job that has ended stays ended. A job that waits for
    the back-off of this crash is due again.
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
    if job.epochs_done == lost.epochs_done:  # else an epoch has reset the count
        job.crashes_without_progress -= 1
    if job.state == JobState.QUEUED:
        job.run_after = after(queue.compute_backoff_seconds(job.crashes_without_progress))
    session.flush()
    return True


def list_checkpoints(session: Session, lease: Lease) -> Sequence[Checkpoint]:
    """List the checkpoints that training can resume from, newest first."""
    return checkpoints.list_kept(session, lease.job_id)
