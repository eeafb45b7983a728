"""Results of a sweep's jobs: where each of them stands, and figures over the seeds of a configuration."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from db import sweeps
from db.models import Epoch, Job
from db.sweeps import SweepRecord
from jobs.metrics import EPOCH_FIGURES
from jobs.spec import JobSpec
from jobs.state import JobState
from jobs.stored import parse_spec
from jobs.sweep import Configuration, SweepSpec


@dataclass(frozen=True, slots=True)
class SweepJob:
    """The identity of a job within its sweep, from its own row."""

    id: str
    seed: int
    configuration: Configuration
    epochs: int
    """Recorded by the time of reading."""


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of one job of a sweep: its last epoch, and the best of each kind over all epochs."""

    job: SweepJob
    state: JobState
    epoch_seconds: float | None
    last: Mapping[str, float] | None
    best: Mapping[str, float] | None
    test: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Mean:
    """A figure after one epoch, over the seeds of a configuration that have reached it."""

    epoch: int
    mean: float
    low: float
    high: float


def read_table(session: Session, sweep_id: str) -> tuple[SweepRecord, Sequence[Result]]:
    """Read the sweep and the result of each of its jobs. Raises SweepNotFound."""
    found = sweeps.read_record(session, sweep_id)
    return found, read_results(session, sweep_id, found.spec)


FIGURES = tuple(name for name, figure in EPOCH_FIGURES.items() if figure.stage == "validation")
TEST_FIGURES = ("loss", "accuracy", "binary_accuracy")

JOB_COLUMNS = (Job.id, Job.spec["seed"], Job.sweep_configuration, Job.activation, Job.sweep_values, Job.epochs_done)


def make_sweep_job(spec: SweepSpec, identity: Sequence[Any]) -> SweepJob:
    """Make the job from a row of JOB_COLUMNS, with its values in the order of the grid's fields."""
    job_id, seed, number, activation, values, epochs = identity
    configuration = Configuration(number, activation, {path: values[path] for path in spec.grid})
    return SweepJob(job_id, seed, configuration, epochs)


def list_jobs(session: Session, sweep_id: str, spec: SweepSpec) -> list[SweepJob]:
    """List the sweep's jobs in their order, without those deleted since."""
    statement = select(*JOB_COLUMNS).where(Job.sweep_id == sweep_id).order_by(Job.sweep_position)
    return [make_sweep_job(spec, row) for row in session.execute(statement)]


def read_results(session: Session, sweep_id: str, spec: SweepSpec) -> list[Result]:
    """Read the results of the sweep's jobs, in their order."""
    best = select_best_figures(sweep_id).subquery()
    last = aliased(Epoch)
    statement = (
        select(
            *JOB_COLUMNS,
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
    return [
        make_result(make_sweep_job(spec, row[: len(JOB_COLUMNS)]), *row[len(JOB_COLUMNS) :])
        for row in session.execute(statement)
    ]


def select_best_figures(sweep_id: str) -> Select[*tuple[Any, ...]]:
    """Select the lowest loss and the highest accuracies over all epochs of each job, perhaps of different epochs."""
    best = {name: func.min if EPOCH_FIGURES[name].lower_is_better else func.max for name in FIGURES}
    return (
        select(Epoch.job_id, *(choose(getattr(Epoch, name)).label(name) for name, choose in best.items()))
        .join(Job, Job.id == Epoch.job_id)
        .where(Job.sweep_id == sweep_id)
        .group_by(Epoch.job_id)
    )


def make_result(job: SweepJob, state: str, epoch_seconds: float | None, *figures: float | None) -> Result:
    count = len(FIGURES)
    last, best, test = figures[:count], figures[count : 2 * count], figures[2 * count :]
    return Result(
        job,
        JobState(state),
        epoch_seconds,
        name_figures(FIGURES, last),
        name_figures(FIGURES, best),
        name_figures(TEST_FIGURES, test),
    )


def name_figures(names: Sequence[str], figures: Sequence[float | None]) -> dict[str, float] | None:
    """Pair names and figures; None if the job has no such figures yet."""
    return {name: value for name, value in zip(names, figures, strict=True) if value is not None} or None


def read_configuration_specs(session: Session, sweep_id: str) -> list[JobSpec]:
    """Read the spec of one job of each configuration."""
    first = select(func.min(Job.sweep_position)).where(Job.sweep_id == sweep_id).group_by(Job.sweep_configuration)
    statement = select(Job.spec).where(Job.sweep_id == sweep_id, Job.sweep_position.in_(first))
    return [parse_spec(spec) for spec in session.scalars(statement.order_by(Job.sweep_configuration))]


def read_figures(
    session: Session, sweep_id: str, names: Sequence[str], *, up_to: int
) -> Mapping[tuple[int, int], list[Sequence[float]]]:
    """Read these figures of each seed, by the number of the configuration and the epoch."""
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


def read_means(
    session: Session, sweep_id: str, metric: InstrumentedAttribute[float], *, of: Collection[int]
) -> Mapping[int, Sequence[Mean]]:
    """Read the mean of the metric by epoch for the configurations of these numbers."""
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
