"""Pages of jobs: filters, sort orders, cursors."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Float, Select, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from db import cursors
from db.job_records import JOBS, SELECT, JobRecord, JobRow, read_records
from db.models import JobMetadata, get_table
from jobs.state import JobState

METADATA = get_table(JobMetadata)
SORT_KEYS: Mapping[str, Column[Any]] = {
    name: JOBS.c[name]
    for name in ("created_at", "started_at", "finished_at", "best_val_loss", "best_val_accuracy", "epoch_seconds")
}

Selected = TypeVar("Selected", bound=Any)  # a row of any statement on jobs


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


def read_page(session: Session, filters: Filters, *, sort: str, limit: int, cursor: str | None) -> Page:
    """Read `limit` jobs after the cursor, sorted by a SORT_KEYS name, descending after "-"; jobs without a value last.

    Raises:
        InvalidCursor: the cursor is damaged or belongs to another sort order.
    """
    key, descending = SORT_KEYS[sort.removeprefix("-")], sort.startswith("-")
    statement = apply_filters(SELECT, filters)
    if cursor is not None:
        statement = statement.where(is_after(key, decode_cursor(cursor, sort), descending=descending))
    order = (key.desc(), JOBS.c.id.desc()) if descending else (key.asc(), JOBS.c.id.asc())
    # An expression that no index has, so only where it is needed.
    nulls_last = [key.is_(None)] if key.nullable else []
    found = read_records(session, statement.order_by(*nulls_last, *order).limit(limit + 1))
    records = found[:limit]
    next_cursor = encode_cursor(records[-1].job, sort) if len(found) > limit else None
    return Page(records, next_cursor, count(session, filters))


def count(session: Session, filters: Filters) -> int:
    """Count the jobs that match the filters; an index alone answers, except for several filters together."""
    return session.scalar(apply_filters(select(func.count()).select_from(JOBS), filters)) or 0


def apply_filters(statement: Select[Selected], filters: Filters) -> Select[Selected]:
    for column, allowed in (
        (JOBS.c.state, filters.states),
        (JOBS.c.activation, filters.activations),
        (JOBS.c.sweep_id, () if filters.sweep_id is None else (filters.sweep_id,)),
    ):
        if allowed:  # one value by equality: SQLite's planner would not read an index in its order for IN
            statement = statement.where(column == next(iter(allowed)) if len(allowed) == 1 else column.in_(allowed))
    for key, value in (filters.metadata or {}).items():
        matching = METADATA.c.job_id == JOBS.c.id, METADATA.c.key == key, METADATA.c.value == value
        statement = statement.where(exists().where(*matching))
    return statement


def is_after(key: Column[Any], last: tuple[Any, str], *, descending: bool) -> ColumnElement[bool]:
    """Whether a row comes after the last one seen, in the order of `read_page`."""
    value, job_id = last
    if not key.nullable:
        row = tuple_(key, JOBS.c.id)
        return row < (value, job_id) if descending else row > (value, job_id)
    id_beyond = JOBS.c.id < job_id if descending else JOBS.c.id > job_id
    if value is None:
        return and_(key.is_(None), id_beyond)
    key_beyond = key < value if descending else key > value
    return or_(key.is_(None), key_beyond, and_(key == value, id_beyond))


def encode_cursor(job: JobRow, sort: str) -> str:
    return cursors.encode(sort, getattr(job, sort.removeprefix("-")), job.id)


def decode_cursor(cursor: str, sort: str) -> tuple[Any, str]:
    """Decode the sort key and the id of the last job seen. Raises InvalidCursor."""
    key = SORT_KEYS[sort.removeprefix("-")]
    return cursors.decode(
        cursor, sort, of=float if isinstance(key.type, Float) else datetime, nullable=bool(key.nullable)
    )
