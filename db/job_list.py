"""Pages of jobs: filters, sort orders, cursors."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Column, Float, Row, Select, func, select, tuple_
from sqlalchemy.orm import Session

from db import cursors
from db.job_records import JOBS, SELECT, JobRecord, JobRow, add_related
from db.models import JobMetadata, get_table
from db.owners import is_owned
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
    owner: str | None = None
    """None = everybody's."""


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
    order = Order(SORT_KEYS[sort.removeprefix("-")], descending=sort.startswith("-"))
    last = None if cursor is None else decode_cursor(cursor, sort)
    rows: list[Row[*tuple[Any, ...]]] = []
    for part in order.list_parts(apply_filters(SELECT, filters), last):
        if len(rows) <= limit:
            rows += session.execute(part.limit(limit + 1 - len(rows))).all()
    records = add_related(session, rows[:limit])
    next_cursor = encode_cursor(records[-1].job, sort) if len(rows) > limit else None
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
    if filters.owner is not None:
        statement = statement.where(is_owned(JOBS.c.owner, filters.owner))
    return statement.where(JOBS.c.id.in_(select_by_metadata(filters.metadata))) if filters.metadata else statement


def select_by_metadata(metadata: Mapping[str, str]) -> Select[tuple[str]]:
    """Select the ids of jobs that have all of it: in one group, because each EXISTS costs PostgreSQL a join to plan."""
    given = tuple_(METADATA.c.key, METADATA.c.value).in_([*metadata.items()])
    found = select(METADATA.c.job_id).where(given)
    return found if len(metadata) == 1 else found.group_by(METADATA.c.job_id).having(func.count() == len(metadata))


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list: by a column, then by id; jobs without a value last, whichever way the others are sorted."""

    key: Column[Any]
    descending: bool

    def list_parts(self, statement: Select[Selected], last: tuple[Any, str] | None) -> Iterator[Select[Selected]]:
        """List the statements that together read the jobs after the last one seen, each in the order of an index."""
        value, job_id = last or (None, None)
        if last is None or value is not None:
            given = statement.where(self.key.is_not(None)) if self.key.nullable else statement
            yield self.sort(given, {self.key: value, JOBS.c.id: job_id})
        if self.key.nullable:
            yield self.sort(statement.where(self.key.is_(None)), {JOBS.c.id: None if value is not None else job_id})

    def sort(self, statement: Select[Selected], last: Mapping[Column[Any], Any]) -> Select[Selected]:
        """Sort by these columns, after their values in the last job seen if there is one."""
        if last[JOBS.c.id] is not None:
            row, seen = tuple_(*last), tuple(last.values())
            statement = statement.where(row < seen if self.descending else row > seen)
        return statement.order_by(*(column.desc() if self.descending else column.asc() for column in last))


def encode_cursor(job: JobRow, sort: str) -> str:
    return cursors.encode(sort, getattr(job, sort.removeprefix("-")), job.id)


def decode_cursor(cursor: str, sort: str) -> tuple[Any, str]:
    """Decode the sort key and the id of the last job seen. Raises InvalidCursor."""
    key = SORT_KEYS[sort.removeprefix("-")]
    return cursors.decode(
        cursor, sort, of=float if isinstance(key.type, Float) else datetime, nullable=bool(key.nullable)
    )
