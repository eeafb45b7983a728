"""Figures for /metrics: how many jobs, sweeps, predictions and workers there are, and recent activity.

An index serves each query, so that none slows down with the number of epochs stored. Only the count of jobs by state
grows with the jobs, by some milliseconds for each 100,000.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, Subquery, case, func, select, union, union_all
from sqlalchemy.orm import Session

from db import queue, workers
from db.clock import now
from db.models import Epoch, Job, Prediction, Worker
from db.new_jobs import UNFINISHED
from jobs.state import TERMINAL, JobState


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The present numbers; `read_at` is the database's time."""

    read_at: datetime
    jobs: Mapping[JobState, int]
    due: int
    oldest_wait_seconds: float
    """The wait of the job that has been due longest; 0 if none is due."""
    sweeps_open: int
    predictions_waiting: int
    workers: Mapping[tuple[str, str], int]
    """By device and by `idle` or `training`."""


@dataclass(frozen=True, slots=True)
class JobTransition:
    """A job that started or ended after some time, or may have recorded an epoch since."""

    job_id: str
    activation: str
    state: JobState
    created_at: datetime
    started_at: datetime
    finished_at: datetime | None
    error_code: str | None


@dataclass(frozen=True, slots=True)
class EpochRecorded:
    job_id: str
    epoch: int
    activation: str
    epoch_seconds: float
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class RecentActivity:
    """Jobs accepted, jobs started or ended, and epochs recorded after some time."""

    accepted: Sequence[tuple[str, datetime]]
    transitions: Sequence[JobTransition]
    epochs: Sequence[EpochRecorded]


def read_stats(session: Session) -> QueueStats:
    read_at, due, due_since = session.execute(
        select(now(), func.count(), func.min(Job.run_after)).where(Job.state == JobState.QUEUED, queue.is_due())
    ).one()
    return QueueStats(
        read_at=read_at,
        jobs=count_by_state(session),
        due=due,
        oldest_wait_seconds=max(0.0, (read_at - due_since).total_seconds()) if due_since else 0.0,
        sweeps_open=session.scalar(select(func.count()).select_from(select_open_sweeps())) or 0,
        predictions_waiting=session.scalar(select(func.count()).where(Prediction.answered_at.is_(None))) or 0,
        workers=count_workers(session),
    )


def count_by_state(session: Session) -> dict[JobState, int]:
    """Count the jobs in every state, including states that no job is in."""
    found = session.execute(select(Job.state, func.count()).group_by(Job.state))
    return dict.fromkeys(JobState, 0) | {JobState(state): count for state, count in found}


def select_open_sweeps() -> Subquery:
    """Select sweeps with unfinished jobs, state by state, as each state has a partial index."""
    return union(
        *(select(Job.sweep_id).where(Job.state == state, Job.sweep_id.is_not(None)) for state in sorted(UNFINISHED))
    ).subquery()


def count_workers(session: Session) -> dict[tuple[str, str], int]:
    doing = case((Worker.job_id.is_(None), "idle"), else_="training")
    statement = select(Worker.device, doing, func.count()).where(workers.is_live()).group_by(Worker.device, doing)
    return {(device, state): count for device, state, count in session.execute(statement)}


def read_recent_activity(session: Session, since: datetime) -> RecentActivity:
    """Read what happened after this time of the database's clock; overlapping reads also see late commits."""
    accepted = session.execute(select(Job.id, Job.created_at).where(Job.created_at > since))
    changed = select_changed_jobs(since)
    epochs = session.execute(
        select(Epoch.job_id, Epoch.epoch, changed.c.activation, Epoch.epoch_seconds, Epoch.recorded_at)
        .join(changed, changed.c.id == Epoch.job_id)
        .where(Epoch.recorded_at > since)
    )
    return RecentActivity(
        accepted=[(job_id, at) for job_id, at in accepted],
        transitions=[JobTransition(*row) for row in session.execute(select(changed))],
        epochs=[EpochRecorded(*row) for row in epochs],
    )


def select_changed_jobs(since: datetime) -> Subquery:
    """Select jobs in training, requeued or just ended: no other can have started or recorded an epoch."""
    return union_all(
        select_started_jobs().where(Job.state == JobState.RUNNING),
        select_started_jobs().where(Job.state == JobState.QUEUED, Job.attempt > 0),
        *(select_started_jobs().where(Job.state == state, Job.finished_at > since) for state in sorted(TERMINAL)),
    ).subquery()


def select_started_jobs() -> Select[str, str, str, datetime, datetime | None, datetime | None, str | None]:
    columns = Job.id, Job.activation, Job.state, Job.created_at, Job.started_at, Job.finished_at, Job.error_code
    return select(*columns).where(Job.started_at.is_not(None))
