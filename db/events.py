"""A job's events: written with numbers without gaps, read in their order."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import and_, insert, select
from sqlalchemy.orm import Session

from db.clock import now
from db.models import Epoch, Event, Job

epoch_of_event = and_(
    Event.kind == "epoch", Epoch.job_id == Event.job_id, Epoch.epoch == Event.data["epoch"].as_integer()
)

NewEvent = tuple[str, int, str, dict[str, Any]]
"""Job id, number, kind and data."""


def read_transitions(session: Session, ids: Sequence[str]) -> dict[str, list[Event]]:
    statement = select(Event).where(Event.job_id.in_(ids), Event.kind == "state").order_by(Event.seq)
    grouped: dict[str, list[Event]] = defaultdict(list)
    for event in session.scalars(statement):
        grouped[event.job_id].append(event)
    return grouped


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


def read_newest_numbers(session: Session, job_ids: Collection[str]) -> Mapping[str, int]:
    """Read the number of each job's newest event; deleted jobs are missing."""
    rows = session.execute(select(Job.id, Job.event_seq).where(Job.id.in_(job_ids)))
    return {row.id: row.event_seq for row in rows}


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


def emit(session: Session, job_id: str, seq: int, kind: str, data: dict[str, Any]) -> None:
    session.execute(insert(Event).values(job_id=job_id, seq=seq, kind=kind, data=data, at=now()))


def emit_all(session: Session, events: Iterable[NewEvent]) -> None:
    rows = [{"job_id": job_id, "seq": seq, "kind": kind, "data": data} for job_id, seq, kind, data in events]
    if rows:
        session.execute(insert(Event).values(at=now()), rows)
