"""Sweeps: created with all of their jobs or not at all, and read through them.

The caller owns the transaction. A sweep has no state of its own: its jobs have, and which jobs it has is settled when
it is created. A retry of one of them is a job outside.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, Select, and_, case, false, func, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased
from uuid_utils import uuid7

from db import cursors, events, idempotency, jobs
from db.clock import now
from db.idempotency import NOBODY, Request
from db.jobs import NewJob
from db.models import Epoch, Event, Job, Sweep
from db.session import Sessions
from jobs.errors import InvalidCursor, SweepFinished, SweepNotFound
from jobs.spec import JobSpec
from jobs.state import JobState
from jobs.sweep import Configuration, SweepSpec


@dataclass(frozen=True, slots=True)
class Share:
    """Those jobs of a sweep that have one activation and one state; durations are seconds."""

    activation: str
    state: JobState
    jobs: int
    epochs_done: int
    epochs_total: int
    epoch_seconds: float | None
    """Mean over those with an epoch."""
    seconds_left: float
    """Of those with an epoch, at their own pace."""
    longest_left: float
    epochs_without_pace: int
    """What is left of the others."""
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


@dataclass(frozen=True, slots=True)
class SweepJob:
    """Which job it is, by its own row."""

    id: str
    seed: int
    configuration: Configuration
    epochs: int
    """Recorded, when it was read."""


@dataclass(frozen=True, slots=True)
class Result:
    """Where a job of a sweep stands: its last epoch, and the best figure of each kind over all epochs."""

    job: SweepJob
    state: JobState
    epoch_seconds: float | None
    last: Mapping[str, float] | None
    best: Mapping[str, float] | None
    test: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Mean:
    """A figure after one epoch, over those seeds of a configuration that have come so far."""

    epoch: int
    mean: float
    low: float
    high: float


# --- clients ---


def create(
    session: Session,
    spec: SweepSpec,
    specs: Sequence[JobSpec],
    *,
    max_unfinished: int,
    idempotency_key: str | None,
    key_holder: str = NOBODY,
) -> tuple[Sweep, Sequence[str], bool]:
    """Accept a sweep with the ids of all its jobs; or find the one that this holder's key made before.

    The flag is true of one that was found.

    Raises:
        IdempotencyConflict: the key was used for another request.
        TooManyJobs: with these, more than `max_unfinished` jobs would be queued or running.
    """
    request = Request(key_holder, idempotency_key, "create a sweep", spec) if idempotency_key else None
    if request is not None and (first := idempotency.find(session, request)):
        return find(session, first.sweep_id or ""), [], True
    sweep_id = str(uuid7())
    try:
        with session.begin_nested():
            asked = {"spec": spec.model_dump(mode="json"), "grid_paths": [*spec.grid]}
            session.execute(insert(Sweep).values(id=sweep_id, created_at=now(), **asked))
            if request is not None:
                idempotency.remember(session, request, sweep_id=sweep_id)
    except IntegrityError:
        if request is None:
            raise
        return find(session, jobs.find_first(session, request).sweep_id or ""), [], True
    new = [
        NewJob(job, sweep_id=sweep_id, sweep_position=position, configuration=own)
        for position, (job, own) in enumerate(zip(specs, spec.configurations, strict=True))
    ]
    jobs.insert_jobs(session, new)
    jobs.check_quota(session, max_unfinished)
    return find(session, sweep_id), [job.id for job in new], False


def request_cancel(session: Session, sweep_id: str) -> None:
    """Cancel what is queued at once, ask the workers of what is running; a second time changes nothing.

    Raises:
        SweepNotFound: there is no such sweep.
        SweepFinished: all its jobs have ended, and none of them because a client asked.
    """
    find(session, sweep_id)
    # In one order, so that two who cancel do not wait for each other.
    of_sweep = select(Job.id, Job.state).where(Job.sweep_id == sweep_id).order_by(Job.id)
    unfinished = session.execute(of_sweep.where(Job.state.in_(jobs.UNFINISHED)).with_for_update()).all()
    jobs.cancel_all(session, unfinished)
    if not unfinished and not session.scalar(select(of_sweep.where(Job.state == JobState.CANCELLED).exists())):
        raise SweepFinished


# --- reading ---


def find(session: Session, sweep_id: str) -> Sweep:
    """The sweep's row. Raises SweepNotFound."""
    sweep = session.get(Sweep, sweep_id)
    if sweep is None:
        raise SweepNotFound(f"there is no sweep {sweep_id}")
    return sweep


def find_spec(session: Session, sweep_id: str) -> SweepSpec:
    """The sweep's request. Raises SweepNotFound."""
    return spec_of(find(session, sweep_id))


def spec_of(sweep: Sweep) -> SweepSpec:
    """The sweep's request: the base's fields in the order of JobSpec, the grid's in the order of the request."""
    base, grid = sweep.spec["base"], sweep.spec["grid"]
    ordered = {
        "base": {name: base[name] for name in JobSpec.model_fields if name in base},
        "grid": {path: grid[path] for path in sweep.grid_paths},
    }
    return SweepSpec.model_validate({**sweep.spec, **ordered})


def record(session: Session, sweep_id: str) -> SweepRecord:
    """The sweep with the standing of its jobs. Raises SweepNotFound."""
    sweep = find(session, sweep_id)
    return SweepRecord(sweep, spec_of(sweep), shares(session, [sweep_id])[sweep_id])


def page(session: Session, *, limit: int, cursor: str | None) -> Page:
    """`limit` sweeps, newest first, after the cursor: the id of the last one seen. Raises InvalidCursor."""
    statement = select(Sweep).order_by(Sweep.id.desc()).limit(limit + 1)
    if cursor is not None:
        if not cursors.is_id(cursor):
            raise InvalidCursor
        statement = statement.where(Sweep.id < cursor)
    sweeps = session.scalars(statement).all()
    shown = sweeps[:limit]
    standing = shares(session, [sweep.id for sweep in shown])
    records = [SweepRecord(sweep, spec_of(sweep), standing[sweep.id]) for sweep in shown]
    return Page(records, shown[-1].id if len(sweeps) > limit else None)


def table(session: Session, sweep_id: str) -> tuple[SweepRecord, Sequence[Result]]:
    """The sweep and where each of its jobs stands. Raises SweepNotFound."""
    found = record(session, sweep_id)
    return found, results(session, sweep_id, found.spec)


def shares(session: Session, sweep_ids: Collection[str]) -> Mapping[str, list[Share]]:
    left = Job.epochs_total - Job.epochs_done
    statement = (
        select(
            Job.sweep_id,
            Job.activation,
            Job.state,
            func.count(),
            func.sum(Job.epochs_done),
            func.sum(Job.epochs_total),
            func.avg(Job.epoch_seconds),
            func.coalesce(func.sum(left * Job.epoch_seconds), 0.0),
            func.coalesce(func.max(left * Job.epoch_seconds), 0.0),
            func.sum(case((Job.epoch_seconds.is_(None), left), else_=0)),
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


FIGURES = ("val_loss", "val_accuracy", "val_binary_accuracy")
TEST_FIGURES = ("loss", "accuracy", "binary_accuracy")


IDENTITY = (Job.id, Job.spec["seed"], Job.sweep_configuration, Job.activation, Job.sweep_values, Job.epochs_done)


def sweep_job(spec: SweepSpec, identity: Sequence[Any]) -> SweepJob:
    """From the columns of IDENTITY: its values in the order of the grid's fields."""
    job_id, seed, number, activation, values, epochs = identity
    configuration = Configuration(number, activation, {path: values[path] for path in spec.grid})
    return SweepJob(job_id, seed, configuration, epochs)


def list_jobs(session: Session, sweep_id: str, spec: SweepSpec) -> list[SweepJob]:
    """Its jobs in their order, less those deleted since."""
    statement = select(*IDENTITY).where(Job.sweep_id == sweep_id).order_by(Job.sweep_position)
    return [sweep_job(spec, row) for row in session.execute(statement)]


def results(session: Session, sweep_id: str, spec: SweepSpec) -> list[Result]:
    """Its jobs in their order."""
    best = best_figures(sweep_id).subquery()
    last = aliased(Epoch)
    statement = (
        select(
            *IDENTITY,
            Job.state,
            Job.epoch_seconds,
            *(getattr(last, name) for name in FIGURES),
            *(best.c[name] for name in FIGURES),
            *(getattr(Job, f"test_{name}") for name in TEST_FIGURES),
        )
        .outerjoin(last, and_(last.job_id == Job.id, last.epoch == Job.epochs_done))
        .outerjoin(best, best.c.job_id == Job.id)
        .where(Job.sweep_id == sweep_id)
        .order_by(Job.sweep_position)
    )
    return [result(sweep_job(spec, row[: len(IDENTITY)]), *row[len(IDENTITY) :]) for row in session.execute(statement)]


def best_figures(sweep_id: str) -> Select[str, float, float, float]:
    """Each over all epochs of a job: the lowest loss and the highest accuracies, perhaps of different epochs."""
    return (
        select(
            Epoch.job_id,
            func.min(Epoch.val_loss).label("val_loss"),
            func.max(Epoch.val_accuracy).label("val_accuracy"),
            func.max(Epoch.val_binary_accuracy).label("val_binary_accuracy"),
        )
        .join(Job, Job.id == Epoch.job_id)
        .where(Job.sweep_id == sweep_id)
        .group_by(Epoch.job_id)
    )


def result(job: SweepJob, state: str, epoch_seconds: float | None, *figures: float | None) -> Result:
    last, best, test = figures[:3], figures[3:6], figures[6:]
    return Result(
        job,
        JobState(state),
        epoch_seconds,
        named(FIGURES, last),
        named(FIGURES, best),
        named(TEST_FIGURES, test),
    )


def named(names: Sequence[str], figures: Sequence[float | None]) -> dict[str, float] | None:
    """None where the job has no such figures yet."""
    return {name: value for name, value in zip(names, figures, strict=True) if value is not None} or None


def one_spec_each(session: Session, sweep_id: str) -> list[JobSpec]:
    """Of each configuration, what one of its jobs is trained by."""
    first = select(func.min(Job.sweep_position)).where(Job.sweep_id == sweep_id).group_by(Job.sweep_configuration)
    statement = select(Job.spec).where(Job.sweep_id == sweep_id, Job.sweep_position.in_(first))
    return [JobSpec.model_validate(spec) for spec in session.scalars(statement.order_by(Job.sweep_configuration))]


def figures_by_epoch(
    session: Session, sweep_id: str, names: Sequence[str], *, up_to: int
) -> Mapping[tuple[int, int], list[Sequence[float]]]:
    """These figures of each seed that has come so far, by the number of the configuration and the epoch."""
    found: dict[tuple[int, int], list[Sequence[float]]] = defaultdict(list)
    statement = (
        select(Job.sweep_configuration, Epoch.epoch, *(getattr(Epoch, name) for name in names))
        .join(Epoch, Epoch.job_id == Job.id)
        .where(Job.sweep_id == sweep_id, Epoch.epoch <= up_to)
        .order_by(Job.sweep_position, Epoch.epoch)
    )
    for number, epoch, *figures in session.execute(statement):
        found[number, epoch].append(figures)
    return found


EPOCHS_AT_ONCE = 5000
Epochs = tuple[SweepJob, Sequence[Row[*tuple[Any, ...]]]]
"""A job and its epochs: the columns asked for, and the job's id."""


def histories(
    sessions: Sessions, jobs: Iterable[SweepJob], columns: Sequence[str], *, after_epoch: int
) -> Iterator[list[Epochs]]:
    """These columns of every epoch of each job that has any, in the order of the jobs, some jobs at a time.

    Each time is a transaction of its own, which ends before the caller goes on, however slowly it does. All epochs of a
    job are read by one statement: a job that is deleted meanwhile is there as a whole or not at all.
    """
    for some in portions(jobs):
        with sessions.read() as session:
            found = epochs_of(session, [job.id for job in some], columns, after_epoch=after_epoch)
        yield [(job, found[job.id]) for job in some if job.id in found]


def portions(jobs: Iterable[SweepJob]) -> Iterator[list[SweepJob]]:
    """Jobs of about EPOCHS_AT_ONCE epochs together."""
    some: list[SweepJob] = []
    for job in jobs:
        if some and sum(other.epochs for other in some) + job.epochs > EPOCHS_AT_ONCE:
            yield some
            some = []
        some.append(job)
    if some:
        yield some


def epochs_of(
    session: Session, job_ids: Sequence[str], columns: Sequence[str], *, after_epoch: int
) -> Mapping[str, list[Row[*tuple[Any, ...]]]]:
    statement = (
        select(*(getattr(Epoch, name) for name in columns), Epoch.job_id)
        .where(Epoch.job_id.in_(job_ids), Epoch.epoch > after_epoch)
        .order_by(Epoch.job_id, Epoch.epoch)
    )
    found: dict[str, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in session.execute(statement):
        found[row.job_id].append(row)
    return found


def means(
    session: Session, sweep_id: str, metric: InstrumentedAttribute[float], *, of: Collection[int]
) -> Mapping[int, Sequence[Mean]]:
    """The metric by epoch for the configurations of these numbers."""
    number = Job.sweep_configuration
    statement = (
        select(number, Epoch.epoch, func.avg(metric), func.min(metric), func.max(metric))
        .join(Epoch, Epoch.job_id == Job.id)
        .where(Job.sweep_id == sweep_id, number.in_(of))
        .group_by(number, Epoch.epoch)
        .order_by(number, Epoch.epoch)
    )
    grouped: dict[int, list[Mean]] = defaultdict(list)
    for configuration, *figures in session.execute(statement):
        grouped[configuration].append(Mean(*figures))
    return grouped


# --- the stream ---


@dataclass(frozen=True, slots=True)
class Member:
    job_id: str
    activation: str
    position: int
    state: JobState
    last_seq: int
    """The number of its newest event."""


def members(session: Session, sweep_id: str) -> list[Member]:
    """Its jobs in their order, less those deleted since."""
    rows = session.execute(
        select(Job.id, Job.activation, Job.sweep_position, Job.state, Job.event_seq)
        .where(Job.sweep_id == sweep_id)
        .order_by(Job.sweep_position)
    )
    return [
        Member(job_id, activation, position or 0, JobState(state), seq)
        for job_id, activation, position, state, seq in rows
    ]


def members_of_each(
    session: Session, streams: Sequence[tuple[Literal["job_id", "sweep_id"], str]]
) -> list[Sequence[Member]]:
    """For each job or sweep, the jobs whose events its stream has: none where there is no such job or sweep."""
    alone = jobs_as_members(session, {id_ for field, id_ in streams if field == "job_id"})
    jobs = {job_id: [member] for job_id, member in alone.items()}
    return [jobs.get(id_, []) if field == "job_id" else members(session, id_) for field, id_ in streams]


def jobs_as_members(session: Session, job_ids: Collection[str]) -> Mapping[str, Member]:
    """Each of these jobs as the only member of a sweep; those that do not exist are missing."""
    if not job_ids:
        return {}
    rows = session.execute(select(Job.id, Job.activation, Job.state, Job.event_seq).where(Job.id.in_(job_ids)))
    return {job_id: Member(job_id, activation, 0, JobState(state), seq) for job_id, activation, state, seq in rows}


def read_events(session: Session, seen: Mapping[str, int], *, limit: int) -> list[tuple[Event, Epoch | None]]:
    """The next events of these jobs after the number seen of each: about `limit`, as many of each, without a gap."""
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
