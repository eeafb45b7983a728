"""Pages of jobs: filters, sort orders, cursors."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Float, Select, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from db import cursors, events, jobs, queue
from db.models import Epoch, Event, Job, JobMetadata
from jobs.state import JobState

SORT_KEYS: dict[str, InstrumentedAttribute[Any]] = {
    "created_at": Job.created_at,
    "started_at": Job.started_at,
    "finished_at": Job.finished_at,
    "best_val_loss": Job.best_val_loss,
    "best_val_accuracy": Job.best_val_accuracy,
    "epoch_seconds": Job.epoch_seconds,
}

Selected = TypeVar("Selected", bound=Any)  # a row of any statement on jobs


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job with its rows in other tables."""

    job: Job
    latest: Epoch | None
    transitions: Sequence[Event]
    queue_position: int | None
    """1 = the next to be claimed; None unless queued."""


@dataclass(frozen=True, slots=True)
class Filters:
    states: Collection[JobState] = ()
    """Any of them; empty = all."""
    activations: Collection[str] = ()
    sweep_id: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    records: Sequence[JobRecord]
    next_cursor: str | None
    total: int
    """Jobs that match the filters, on all pages."""


def find_record(session: Session, job_id: str) -> JobRecord:
    """Find the job with its related rows. Raises JobNotFound."""
    return add_related(session, [jobs.find(session, job_id)])[0]


def read_page(session: Session, filters: Filters, *, sort: str, limit: int, cursor: str | None) -> Page:
    """Read `limit` jobs after the cursor, sorted by a SORT_KEYS name, descending after "-"; jobs without a value last.

    Raises:
        InvalidCursor: the cursor is damaged or belongs to another sort order.
    """
    key, descending = SORT_KEYS[sort.removeprefix("-")], sort.startswith("-")
    statement = apply_filters(select(Job), filters)
    if cursor is not None:
        statement = statement.where(is_after(key, decode_cursor(cursor, sort), descending=descending))
    order = (key.desc(), Job.id.desc()) if descending else (key.asc(), Job.id.asc())
    # An expression that no index has, so only where it is needed.
    nulls_last = [key.is_(None)] if is_nullable(key) else []
    jobs = session.scalars(statement.order_by(*nulls_last, *order).limit(limit + 1)).all()
    more = len(jobs) > limit
    next_cursor = encode_cursor(jobs[limit - 1], sort) if more else None
    return Page(add_related(session, jobs[:limit]), next_cursor, count(session, filters))


def count(session: Session, filters: Filters) -> int:
    """Count the jobs that match the filters; an index alone answers, except for several filters together."""
    return session.scalar(apply_filters(select(func.count()).select_from(Job), filters)) or 0


def apply_filters(statement: Select[Selected], filters: Filters) -> Select[Selected]:
    for column, allowed in (
        (Job.state, filters.states),
        (Job.activation, filters.activations),
        (Job.sweep_id, () if filters.sweep_id is None else (filters.sweep_id,)),
    ):
        if allowed:  # one value by equality: SQLite's planner would not read an index in its order for IN
            statement = statement.where(column == next(iter(allowed)) if len(allowed) == 1 else column.in_(allowed))
    for key, value in (filters.metadata or {}).items():
        matching = JobMetadata.job_id == Job.id, JobMetadata.key == key, JobMetadata.value == value
        statement = statement.where(exists().where(*matching))
    return statement


def is_after(key: InstrumentedAttribute[Any], last: tuple[Any, str], *, descending: bool) -> ColumnElement[bool]:
    """Whether a row comes after the last one seen, in the order of `read_page`."""
    value, job_id = last
    if not is_nullable(key):
        row = tuple_(key, Job.id)
        return row < (value, job_id) if descending else row > (value, job_id)
    id_beyond = Job.id < job_id if descending else Job.id > job_id
    if value is None:
        return and_(key.is_(None), id_beyond)
    key_beyond = key < value if descending else key > value
    return or_(key.is_(None), key_beyond, and_(key == value, id_beyond))


def is_nullable(key: InstrumentedAttribute[Any]) -> bool:
    return bool(Job.__table__.c[key.key].nullable)


def encode_cursor(job: Job, sort: str) -> str:
    return cursors.encode(sort, getattr(job, sort.removeprefix("-")), job.id)


def decode_cursor(cursor: str, sort: str) -> tuple[Any, str]:
    """Decode the sort key and the id of the last job seen. Raises InvalidCursor."""
    key = SORT_KEYS[sort.removeprefix("-")]
    return cursors.decode(
        cursor, sort, of=float if isinstance(key.type, Float) else datetime, nullable=is_nullable(key)
    )


def add_related(session: Session, jobs: Sequence[Job]) -> list[JobRecord]:
    ids = [job.id for job in jobs]
    latest = read_latest_epochs(session, ids)
    transitions = events.read_transitions(session, ids)
    positions = queue.find_positions(session, [job.id for job in jobs if job.state == JobState.QUEUED])
    return [JobRecord(job, latest.get(job.id), transitions[job.id], positions.get(job.id)) for job in jobs]


def read_latest_epochs(session: Session, ids: Sequence[str]) -> dict[str, Epoch]:
    of_job = and_(Epoch.job_id == Job.id, Epoch.epoch == Job.epochs_done)
    return {row.job_id: row for row in session.scalars(select(Epoch).join(Job, of_job).where(Job.id.in_(ids)))}
