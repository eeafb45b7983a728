"""A job's events: written with numbers without gaps, read in their order."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Text, and_, bindparam, cast, insert, literal_column, select
from sqlalchemy.orm import Session

from db.clock import now
from db.models import Epoch, Event, Job, get_table
from jobs.state import JobState

epoch_of_event = and_(
    Event.kind == "epoch", Epoch.job_id == Event.job_id, Epoch.epoch == Event.data["epoch"].as_integer()
)

EVENTS = get_table(Event)
INSERT = insert(EVENTS).values(at=now())
INSERT_ONE = INSERT.returning(EVENTS.c.at)
IS_TRANSITION = EVENTS.c.kind == literal_column("'state'")
"""In words, not as a parameter: SQLite plans before it knows parameters, and would not use the index of these rows."""
TRANSITIONS = (
    select(EVENTS.c.job_id, cast(EVENTS.c.data, Text), EVENTS.c.at)
    .where(EVENTS.c.job_id.in_(bindparam("ids", expanding=True)), IS_TRANSITION)
    .order_by(EVENTS.c.job_id, EVENTS.c.seq)
)

NewEvent = tuple[str, int, str, dict[str, Any]]
"""Job id, number, kind and data."""


class Transition(NamedTuple):
    """A change of a job's state."""

    state: JobState
    at: datetime
    reason: str


def read_transitions(session: Session, ids: Sequence[str]) -> Mapping[str, list[Transition]]:
    """Read the transitions of these jobs, oldest first."""
    grouped: dict[str, list[Transition]] = defaultdict(list)
    for job_id, data, at in session.execute(TRANSITIONS, {"ids": ids}).all():
        state, reason = parse_transition(data)
        grouped[job_id].append(Transition(state, at, reason))
    return grouped


@lru_cache(maxsize=1024)
def parse_transition(data: str) -> tuple[JobState, str]:
    """Parse the state and the reason; most jobs have the same."""
    parsed = json.loads(data)
    return JobState(parsed["state"]), parsed["reason"]


def read(session: Session, job_id: str, *, after_seq: int, limit: int) -> Sequence[tuple[Event, Epoch | None]]:
    """Read the job's next events, each `epoch` event with its metrics."""
    rows = session.execute(
        select(Event, Epoch)
        .outerjoin(Epoch, epoch_of_event)
        .where(Event.job_id == job_id, Event.seq > after_seq)
        .order_by(Event.seq)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


@dataclass(frozen=True, slots=True)
class Newest:
    """The number of a job's newest event, and how far it is."""

    event_seq: int
    epochs_done: int
    epochs_total: int
    epoch_seconds: float | None
    epoch_progress: Mapping[str, Any] | None


def read_newest(session: Session, job_ids: Collection[str]) -> Mapping[str, Newest]:
    """Read where each job stands; deleted jobs are missing."""
    columns = (getattr(Job, field.name) for field in fields(Newest))
    rows = session.execute(select(Job.id, *columns).where(Job.id.in_(job_ids)))
    return {job_id: Newest(*values) for job_id, *values in rows}


def read_last(session: Session, job_id: str) -> tuple[int, str]:
    """Read number and kind of the job's newest event."""
    statement = select(Event.seq, Event.kind).where(Event.job_id == job_id).order_by(Event.seq.desc()).limit(1)
    row = session.execute(statement).one()
    return row.seq, row.kind


def emit(session: Session, job_id: str, seq: int, kind: str, data: dict[str, Any]) -> datetime:
    """Write an event; returns its time."""
    event = {"job_id": job_id, "seq": seq, "kind": kind, "data": data}
    at: datetime = session.execute(INSERT_ONE, event).scalar_one()
    return at


def emit_all(session: Session, events: Iterable[NewEvent]) -> None:
    rows = [{"job_id": job_id, "seq": seq, "kind": kind, "data": data} for job_id, seq, kind, data in events]
    if rows:
        session.execute(INSERT, rows)
