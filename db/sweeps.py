"""Sweeps: created with all of their jobs or not at all, cancelled, found and listed.

The caller owns the transaction. A sweep has no state of its own: its jobs have, and which jobs it has is settled when
it is created. A retry of one of them is a job outside.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from db import cursors, idempotency, jobs, new_jobs
from db.clock import now
from db.idempotency import Request
from db.models import Job, Sweep
from db.new_jobs import NewJob
from db.owners import is_owned
from jobs.access import NOBODY
from jobs.errors import InvalidCursor, SweepFinished, SweepNotFound
from jobs.spec import JobSpec
from jobs.state import JobState
from jobs.sweep import SweepSpec


@dataclass(frozen=True, slots=True)
class Share:
    """The jobs of a sweep that have one activation and one state; durations are in seconds."""

    activation: str
    state: JobState
    jobs: int
    epochs_done: int
    epochs_total: int
    epochs_in_progress: float
    """The parts of epochs in training that are over, added up."""
    epoch_seconds: float | None
    """Mean over the jobs with an epoch, recorded or in training for a while."""
    seconds_left: float
    """The time left of these jobs, at their own pace."""
    longest_left: float
    epochs_without_pace: float
    """Epochs left of the other jobs."""
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class SweepRecord:
    sweep: Sweep
    spec: SweepSpec
    shares: Sequence[Share]


@dataclass(frozen=True, slots=True)
class Page:
    records: Sequence[SweepRecord]
    next_cursor: str | None


def create(
    session: Session,
    spec: SweepSpec,
    specs: Sequence[JobSpec],
    *,
    max_unfinished: int,
    idempotency_key: str | None,
    owner: str = NOBODY,
    max_unfinished_of_owner: int | None = None,
) -> tuple[Sweep, Sequence[str], bool]:
    """Accept a sweep and return it with the ids of its jobs, or find the one that this owner's key created before.

    The flag is true if it was found.

    Raises:
        IdempotencyConflict: the key was used for another request.
        TooManyJobs: with these, more than `max_unfinished` jobs would be queued or running, or too many of this owner.
    """
    if first := find_created(session, spec, owner=owner, idempotency_key=idempotency_key):
        return first, [], True
    request = make_request(spec, owner, idempotency_key)
    sweep_id = str(uuid7())
    try:
        with session.begin_nested():
            content = {"spec": spec.model_dump(mode="json"), "grid_paths": [*spec.grid]}
            session.execute(insert(Sweep).values(id=sweep_id, owner=owner, created_at=now(), **content))
            if request is not None:
                idempotency.remember(session, request, sweep_id=sweep_id)
    except IntegrityError:
        if request is None:
            raise
        return find(session, jobs.find_first(session, request).sweep_id or ""), [], True
    new = [
        NewJob(job, owner=owner, sweep_id=sweep_id, sweep_position=position, configuration=own)
        for position, (job, own) in enumerate(zip(specs, spec.configurations, strict=True))
    ]
    new_jobs.insert_jobs(session, new)
    new_jobs.check_quota(session, max_unfinished)
    new_jobs.check_quota_of_owner(session, owner, max_unfinished_of_owner)
    return find(session, sweep_id), [job.id for job in new], False


def find_created(session: Session, spec: SweepSpec, *, owner: str, idempotency_key: str | None) -> Sweep | None:
    """Find the sweep that this request created before. Raises IdempotencyConflict: the key was used for another."""
    request = make_request(spec, owner, idempotency_key)
    first = request and idempotency.find(session, request)
    return find(session, first.sweep_id or "") if first else None


def make_request(spec: SweepSpec, owner: str, idempotency_key: str | None) -> Request | None:
    return Request(owner, idempotency_key, "create a sweep", spec) if idempotency_key else None


def request_cancel(session: Session, sweep_id: str) -> None:
    """Cancel queued jobs at once, ask the workers of running jobs to stop; idempotent.

    Raises:
        SweepNotFound: there is no such sweep.
        SweepFinished: all its jobs have ended, and none was cancelled.
    """
    find(session, sweep_id)
    # In one order, so that two concurrent cancellations do not deadlock.
    of_sweep = select(Job.id, Job.state).where(Job.sweep_id == sweep_id).order_by(Job.id)
    unfinished = session.execute(of_sweep.where(Job.state.in_(new_jobs.UNFINISHED)).with_for_update()).all()
    jobs.cancel_all(session, unfinished)
    if not unfinished and not session.scalar(select(of_sweep.where(Job.state == JobState.CANCELLED).exists())):
        raise SweepFinished


def find(session: Session, sweep_id: str) -> Sweep:
    """Find the sweep's row. Raises SweepNotFound."""
    sweep = session.get(Sweep, sweep_id)
    if sweep is None:
        raise SweepNotFound(f"there is no sweep {sweep_id}")
    return sweep


def find_spec(session: Session, sweep_id: str) -> SweepSpec:
    """Find the sweep's request. Raises SweepNotFound."""
    return parse_spec(find(session, sweep_id))


def parse_spec(sweep: Sweep) -> SweepSpec:
    """Parse the stored request: the base's fields in the order of JobSpec, the grid's in the order of the request.

    Fields of a newer version are left out: only their jobs say what they are trained with.
    """
    known = {name: value for name, value in sweep.spec.items() if name in SweepSpec.model_fields}
    base, grid = sweep.spec["base"], sweep.spec["grid"]
    ordered = {
        "base": {name: base[name] for name in JobSpec.model_fields if name in base},
        "grid": {path: grid[path] for path in sweep.grid_paths},
    }
    return SweepSpec.model_validate({**known, **ordered})


def read_record(session: Session, sweep_id: str) -> SweepRecord:
    """Read the sweep with a summary of its jobs. Raises SweepNotFound."""
    sweep = find(session, sweep_id)
    return SweepRecord(sweep, parse_spec(sweep), read_shares(session, [sweep_id])[sweep_id])


def read_page(session: Session, *, limit: int, cursor: str | None, owner: str | None = None) -> Page:
    """Read `limit` sweeps of this owner or of all, newest first, after the cursor: the id of the last one seen.

    Raises:
        InvalidCursor: the cursor is no id.
    """
    statement = select(Sweep).order_by(Sweep.id.desc()).limit(limit + 1)
    if owner is not None:
        statement = statement.where(is_owned(Sweep.owner, owner))
    if cursor is not None:
        if not cursors.is_id(cursor):
            raise InvalidCursor
        statement = statement.where(Sweep.id < cursor)
    sweeps = session.scalars(statement).all()
    shown = sweeps[:limit]
    by_sweep = read_shares(session, [sweep.id for sweep in shown])
    records = [SweepRecord(sweep, parse_spec(sweep), by_sweep[sweep.id]) for sweep in shown]
    return Page(records, shown[-1].id if len(sweeps) > limit else None)


def read_shares(session: Session, sweep_ids: Collection[str]) -> Mapping[str, list[Share]]:
    in_progress = func.coalesce(Job.epoch_progress["fraction"].as_float(), 0.0)
    pace = func.coalesce(Job.epoch_seconds, Job.epoch_progress["epoch_seconds"].as_float())
    left = Job.epochs_total - Job.epochs_done - in_progress
    statement = (
        select(
            Job.sweep_id,
            Job.activation,
            Job.state,
            func.count(),
            func.sum(Job.epochs_done),
            func.sum(Job.epochs_total),
            func.sum(in_progress),
            func.avg(pace),
            func.coalesce(func.sum(left * pace), 0.0),
            func.coalesce(func.max(left * pace), 0.0),
            func.sum(case((pace.is_(None), left), else_=0.0)),
            func.min(Job.started_at),
            func.max(Job.finished_at),
        )
        .where(Job.sweep_id.in_(sweep_ids))
        .group_by(Job.sweep_id, Job.activation, Job.state)
    )
    grouped: dict[str, list[Share]] = defaultdict(list)
    for sweep_id, activation, state, *figures in session.execute(statement):
        grouped[sweep_id].append(Share(activation, JobState(state), *figures))
    return grouped
