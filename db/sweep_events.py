"""Streams of the events of a job, a sweep or several of them: the jobs that each has, and their next events."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from db import events
from db.models import Epoch, Event, Job
from jobs.state import JobState


@dataclass(frozen=True, slots=True)
class Member:
    """A job of a stream."""

    job_id: str
    activation: str
    position: int
    state: JobState
    last_seq: int
    """The number of its newest event."""


def list_members(session: Session, sweep_id: str, owner: str | None = None) -> list[Member]:
    """List the sweep's jobs in their order, without those deleted since; none if it is not this owner's."""
    rows = session.execute(
        select(Job.id, Job.activation, Job.sweep_position, Job.state, Job.event_seq)
        .where(Job.sweep_id == sweep_id, *owned_by(owner))
        .order_by(Job.sweep_position)
    )
    return [
        Member(job_id, activation, position or 0, JobState(state), seq)
        for job_id, activation, position, state, seq in rows
    ]


def list_members_of_stream(
    session: Session, field: Literal["job_id", "sweep_id"], id_: str, owner: str | None
) -> Sequence[Member]:
    """List the jobs whose events a job's or a sweep's stream has; none if this owner has no such job or sweep.

    Without an owner they are everybody's.
    """
    if field == "sweep_id":
        return list_members(session, id_, owner)
    return [*list_jobs_as_members(session, [id_], owner).values()]


def list_jobs_as_members(session: Session, job_ids: Collection[str], owner: str | None) -> Mapping[str, Member]:
    """List each of these jobs as the only member of a sweep; jobs that do not exist are missing."""
    if not job_ids:
        return {}
    columns = Job.id, Job.activation, Job.state, Job.event_seq
    rows = session.execute(select(*columns).where(Job.id.in_(job_ids), *owned_by(owner)))
    return {job_id: Member(job_id, activation, 0, JobState(state), seq) for job_id, activation, state, seq in rows}


def owned_by(owner: str | None) -> list[ColumnElement[bool]]:
    return [] if owner is None else [Job.owner == owner]


def read(session: Session, seen: Mapping[str, int], *, limit: int) -> list[tuple[Event, Epoch | None]]:
    """Read the next events of these jobs after the number seen of each: about `limit` in all, as many of each job."""
    each = max(1, limit // max(1, len(seen)))
    jobs_by_number = defaultdict(list)
    for job_id, number in seen.items():
        jobs_by_number[number].append(job_id)
    next_ones = [
        and_(Event.job_id.in_(ids), Event.seq > number, Event.seq <= number + each)
        for number, ids in jobs_by_number.items()
    ]
    rows = session.execute(
        select(Event, Epoch)
        .outerjoin(Epoch, events.epoch_of_event)
        .where(or_(false(), *next_ones))
        .order_by(Event.seq, Event.job_id)
    )
    return [(row[0], row[1]) for row in rows]
