"""Reading: one job, a page of jobs, histories, events."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Float, Row, Select, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from db import cursors
from db.clock import after, now
from db.models import Checkpoint, Epoch, Event, Job, JobMetadata, Layer, Worker
from jobs.diagnosis import VANISHING_EPOCHS, History, Losses
from jobs.errors import CheckpointNotFound, JobNotFound
from jobs.metrics import ALWAYS_MEASURED, LayerMetrics
from jobs.spec import JobSpec
from jobs.state import JobState

SORT_KEYS: dict[str, InstrumentedAttribute[Any]] = {
    "created_at": Job.created_at,
    "started_at": Job.started_at,
    "finished_at": Job.finished_at,
    "best_val_loss": Job.best_val_loss,
    "best_val_accuracy": Job.best_val_accuracy,
    "epoch_seconds": Job.epoch_seconds,
}
WORKER_LOST_AFTER_SECONDS = 60.0
LONGEST_BACKOFF_SECONDS = 300
Selected = TypeVar("Selected", bound=Any)  # a row of any statement on jobs

epoch_of_event = and_(
    Event.kind == "epoch", Epoch.job_id == Event.job_id, Epoch.epoch == Event.data["epoch"].as_integer()
)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job with what belongs to it in other tables."""

    job: Job
    latest: Epoch | None
    transitions: Sequence[Event]
    queue_position: int | None
    """1 = the next to be claimed; None unless queued."""


@dataclass(frozen=True, slots=True)
class Filters:
    states: Collection[JobState] = ()
    """Any of them; none = all."""
    activations: Collection[str] = ()
    sweep_id: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    records: Sequence[JobRecord]
    next_cursor: str | None
    total: int
    """Jobs that the filters let through, on all pages."""


def find(session: Session, job_id: str) -> Job:
    """The job's row.

    Raises:
        JobNotFound: there is none.
    """
    job = session.get(Job, job_id)
    if job is None:
        raise JobNotFound(f"there is no job {job_id}")
    return job


def record(session: Session, job_id: str) -> JobRecord:
    """The job with all that belongs to it. Raises JobNotFound."""
    return complete(session, [find(session, job_id)])[0]


def page(session: Session, filters: Filters, *, sort: str, limit: int, cursor: str | None) -> Page:
    """`limit` jobs after the cursor, sorted by a SORT_KEYS name, descending after "-"; jobs without the value last.

    Raises:
        InvalidCursor: the cursor is damaged or was given out for another sort order.
    """
    key, descending = SORT_KEYS[sort.removeprefix("-")], sort.startswith("-")
    statement = narrowed(select(Job), filters)
    if cursor is not None:
        statement = statement.where(beyond(key, last_seen(cursor, sort), descending=descending))
    order = (key.desc(), Job.id.desc()) if descending else (key.asc(), Job.id.asc())
    nulls_last = [key.is_(None)] if nullable(key) else []  # an expression that no index has, so only where it is needed
    jobs = session.scalars(statement.order_by(*nulls_last, *order).limit(limit + 1)).all()
    more = len(jobs) > limit
    next_cursor = cursor_after(jobs[limit - 1], sort) if more else None
    return Page(complete(session, jobs[:limit]), next_cursor, count(session, filters))


def count(session: Session, filters: Filters) -> int:
    """The jobs that the filters let through; an index alone answers, except where several filters meet."""
    return session.scalar(narrowed(select(func.count()).select_from(Job), filters)) or 0


def narrowed(statement: Select[Selected], filters: Filters) -> Select[Selected]:
    for column, wanted in (
        (Job.state, filters.states),
        (Job.activation, filters.activations),
        (Job.sweep_id, () if filters.sweep_id is None else (filters.sweep_id,)),
    ):
        if wanted:  # one value by equality: SQLite's planner would not walk an index in its order for IN
            statement = statement.where(column == next(iter(wanted)) if len(wanted) == 1 else column.in_(wanted))
    for key, value in (filters.metadata or {}).items():
        matching = JobMetadata.job_id == Job.id, JobMetadata.key == key, JobMetadata.value == value
        statement = statement.where(exists().where(*matching))
    return statement


def beyond(key: InstrumentedAttribute[Any], last: tuple[Any, str], *, descending: bool) -> ColumnElement[bool]:
    """What comes after the last row seen, in the order of `page`."""
    value, job_id = last
    if not nullable(key):
        row = tuple_(key, Job.id)
        return row < (value, job_id) if descending else row > (value, job_id)
    id_beyond = Job.id < job_id if descending else Job.id > job_id
    if value is None:
        return and_(key.is_(None), id_beyond)
    key_beyond = key < value if descending else key > value
    return or_(key.is_(None), key_beyond, and_(key == value, id_beyond))


def nullable(key: InstrumentedAttribute[Any]) -> bool:
    return bool(Job.__table__.c[key.key].nullable)


def cursor_after(job: Job, sort: str) -> str:
    return cursors.encode(sort, getattr(job, sort.removeprefix("-")), job.id)


def last_seen(cursor: str, sort: str) -> tuple[Any, str]:
    """Raises InvalidCursor."""
    key = SORT_KEYS[sort.removeprefix("-")]
    return cursors.decode(cursor, sort, of=float if isinstance(key.type, Float) else datetime, nullable=nullable(key))


def complete(session: Session, jobs: Sequence[Job]) -> list[JobRecord]:
    ids = [job.id for job in jobs]
    latest = latest_epochs(session, ids)
    transitions = state_events(session, ids)
    positions = queue_positions(session, [job.id for job in jobs if job.state == JobState.QUEUED])
    return [JobRecord(job, latest.get(job.id), transitions[job.id], positions.get(job.id)) for job in jobs]


def latest_epochs(session: Session, ids: Sequence[str]) -> dict[str, Epoch]:
    of_job = and_(Epoch.job_id == Job.id, Epoch.epoch == Job.epochs_done)
    return {row.job_id: row for row in session.scalars(select(Epoch).join(Job, of_job).where(Job.id.in_(ids)))}


def state_events(session: Session, ids: Sequence[str]) -> dict[str, list[Event]]:
    statement = select(Event).where(Event.job_id.in_(ids), Event.kind == "state").order_by(Event.seq)
    grouped: dict[str, list[Event]] = defaultdict(list)
    for event in session.scalars(statement):
        grouped[event.job_id].append(event)
    return grouped


def queue_positions(session: Session, ids: Sequence[str]) -> dict[str, int]:
    if not ids:
        return {}
    if len(ids) == 1:  # as after a POST: all before it, which an index counts
        own = select(Job.run_after, Job.id).where(Job.id == ids[0], Job.state == JobState.QUEUED).subquery()
        before = select(func.count()).where(
            Job.state == JobState.QUEUED, tuple_(Job.run_after, Job.id) <= tuple_(own.c.run_after, own.c.id)
        )
        number = session.scalar(before.select_from(Job, own))
        return {ids[0]: number} if number else {}
    position = func.row_number().over(order_by=(Job.run_after, Job.id)).label("position")
    queue = select(Job.id, position).where(Job.state == JobState.QUEUED).subquery()
    return {row.id: row.position for row in session.execute(select(queue).where(queue.c.id.in_(ids)))}


def epochs(session: Session, job_id: str, *, after_epoch: int = 0) -> Sequence[Epoch]:
    """The history, oldest first. Raises JobNotFound."""
    find(session, job_id)
    return session.scalars(
        select(Epoch).where(Epoch.job_id == job_id, Epoch.epoch > after_epoch).order_by(Epoch.epoch)
    ).all()


def curve(session: Session, job_id: str, metric: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """Epoch, its seconds and the metric, of every epoch, oldest first."""
    return session.execute(
        select(Epoch.epoch, Epoch.epoch_seconds, getattr(Epoch, metric))
        .where(Epoch.job_id == job_id)
        .order_by(Epoch.epoch)
    ).all()


def layers(session: Session, job_id: str, *, epoch: int | None = None, after_epoch: int = 0) -> Sequence[Layer]:
    """Layer metrics by epoch, from the input to the output. Raises JobNotFound."""
    find(session, job_id)
    of_epoch = Layer.epoch > after_epoch if epoch is None else Layer.epoch == epoch
    return session.scalars(
        select(Layer).where(Layer.job_id == job_id, of_epoch).order_by(Layer.epoch, Layer.position)
    ).all()


def diagnosable(session: Session, job_id: str, spec: JobSpec) -> History:
    """What the rules of jobs.diagnosis look at."""
    epochs = session.execute(
        select(Epoch.loss, Epoch.val_loss, Epoch.val_accuracy).where(Epoch.job_id == job_id).order_by(Epoch.epoch)
    )
    losses = [Losses(*row) for row in epochs]
    rows = session.execute(
        select(*(getattr(Layer, field.name) for field in fields(LayerMetrics)))
        .where(Layer.job_id == job_id, Layer.epoch > len(losses) - VANISHING_EPOCHS)
        .order_by(Layer.epoch, Layer.position)
    )
    by_epoch = groupby(map(layer_metrics, rows), key=attrgetter("epoch"))
    return History(spec, losses, [list(layers) for _, layers in by_epoch])


def layer_metrics(row: Row[Any] | Layer) -> LayerMetrics:
    """SQLite stores NaN as NULL: where a figure always has a value, NULL means that it was NaN."""
    figures = {field.name: getattr(row, field.name) for field in fields(LayerMetrics)}
    return LayerMetrics(**{**figures, **{name: math.nan for name in ALWAYS_MEASURED if figures[name] is None}})


def events(session: Session, job_id: str, *, after_seq: int, limit: int) -> Sequence[tuple[Event, Epoch | None]]:
    """The job's next events, each `epoch` event with its metrics."""
    rows = session.execute(
        select(Event, Epoch)
        .outerjoin(Epoch, epoch_of_event)
        .where(Event.job_id == job_id, Event.seq > after_seq)
        .order_by(Event.seq)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def event_numbers(session: Session, job_ids: Collection[str]) -> Mapping[str, int]:
    """The number of each job's newest event; jobs that are gone are missing."""
    rows = session.execute(select(Job.id, Job.event_seq).where(Job.id.in_(job_ids)))
    return {row.id: row.event_seq for row in rows}


def last_event(session: Session, job_id: str) -> tuple[int, str]:
    """Number and kind of the job's newest event."""
    statement = select(Event.seq, Event.kind).where(Event.job_id == job_id).order_by(Event.seq.desc()).limit(1)
    row = session.execute(statement).one()
    return row.seq, row.kind


def checkpoints(session: Session, job_id: str) -> Sequence[Checkpoint]:
    """Those that are kept, newest first. Raises JobNotFound."""
    find(session, job_id)
    return session.scalars(
        select(Checkpoint).where(Checkpoint.job_id == job_id).order_by(Checkpoint.epoch.desc())
    ).all()


def checkpoint(session: Session, job_id: str, epoch: int) -> Checkpoint:
    """The one after this epoch. Raises JobNotFound or CheckpointNotFound."""
    find(session, job_id)
    found = session.get(Checkpoint, (job_id, epoch))
    if found is None:
        raise CheckpointNotFound
    return found


def workers(session: Session) -> Sequence[Worker]:
    """Those heard of lately."""
    return session.scalars(select(Worker).where(heard_of_lately()).order_by(Worker.id)).all()


def heard_of_lately() -> ColumnElement[bool]:
    """Not in a future from which the clock was set back: who lives soon reports again."""
    return Worker.last_seen_at.between(after(-WORKER_LOST_AFTER_SECONDS), after(WORKER_LOST_AFTER_SECONDS))


def is_due() -> ColumnElement[bool]:
    """Whether a queued job may be claimed; none waits longer than the longest back-off: then the clock was set back."""
    return or_(Job.run_after <= now(), Job.run_after > after(LONGEST_BACKOFF_SECONDS + 1))
