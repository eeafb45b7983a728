"""Sweeps as they are stored: on PostgreSQL as JSONB, which sorts the keys of objects by length, then by bytes."""

from collections.abc import Sequence
from typing import Any

from alembic import command
from sqlalchemy import select

from db import schema, sweep_results, sweeps
from db.models import Job
from db.session import Sessions
from db.sweep_results import SweepJob
from jobs.spec import JobSpec
from jobs.sweep import SweepSpec, expand
from tests.support.submitting import create_sweep

GRIDS: list[dict[str, list[Any]]] = [
    {"optimizer.learning_rate": [0.001, 0.01], "batch_size": [64, 128]},
    {"train_samples": [1000, None], "epochs": [1, 2, 3], "clip": [{"threshold": 1}, None, {"by": "norm"}]},
]


def create(sessions: Sessions, grid: dict[str, list[Any]], **more: Any) -> str:
    spec = SweepSpec.model_validate({"activations": ["elu", "relu"], "grid": grid, **more})
    return create_sweep(sessions, spec)[0]


def read(sessions: Sessions, sweep_id: str) -> tuple[SweepSpec, list[SweepJob], Sequence[JobSpec]]:
    """Read the sweep, its jobs, and the specs that they are trained with."""
    with sessions.read() as session:
        spec = sweeps.find_spec(session, sweep_id)
        statement = select(Job.spec).where(Job.sweep_id == sweep_id).order_by(Job.sweep_position)
        trained = [JobSpec.model_validate(found) for found in session.scalars(statement)]
        return spec, sweep_results.list_jobs(session, sweep_id, spec), trained


def make_spec(spec: SweepSpec, job: SweepJob) -> JobSpec:
    """Make the spec that the job's values describe."""
    grid = {path: [value] for path, value in job.configuration.values.items()}
    only = SweepSpec(activations=[job.configuration.activation], seeds=[job.seed], base=spec.base, grid=grid)
    return expand(only)[0]


def test_a_job_names_the_values_that_it_is_trained_with(sessions: Sessions) -> None:
    for grid in GRIDS:
        spec, jobs, trained = read(sessions, create(sessions, grid, seeds=[0, 4294967295]))
        assert [make_spec(spec, job) for job in jobs] == trained
        assert list(spec.grid) == list(grid)
        assert [list(job.configuration.values) for job in jobs] == [list(grid)] * len(jobs)


def test_seeds_share_the_number_of_their_configuration(sessions: Sessions) -> None:
    _, jobs, _ = read(sessions, create(sessions, GRIDS[0], seeds=[5, 6]))
    assert [job.configuration.number for job in jobs] == [*range(8)] * 2
    assert [job.seed for job in jobs] == [5] * 8 + [6] * 8
    assert [job.configuration for job in jobs[:8]] == [job.configuration for job in jobs[8:]]


def test_the_migration_takes_the_configurations_from_the_specs(sessions: Sessions, database_url: str) -> None:
    ids = [create(sessions, grid, seeds=[0, 1]) for grid in GRIDS]
    before = [read(sessions, sweep_id) for sweep_id in ids]
    migrate_down_and_up(database_url)
    assert [read(sessions, sweep_id) for sweep_id in ids] == before
    assert [list(read(sessions, sweep_id)[0].grid) for sweep_id in ids] == [list(grid) for grid in GRIDS]


def test_the_migration_tells_values_apart_that_one_spec_may_hold(sessions: Sessions, database_url: str) -> None:
    """`{"by": "value"}` and `{"threshold": 1}` are both part of a job's clip: its spec says which it was."""
    sweep_id = create(sessions, {"clip": [{"by": "value"}, {"threshold": 1}, {"by": "norm"}]})
    migrate_down_and_up(database_url)
    spec, jobs, trained = read(sessions, sweep_id)
    assert [make_spec(spec, job) for job in jobs] == trained


def test_the_migration_stands_jobs_that_are_gone(sessions: Sessions, database_url: str) -> None:
    sweep_id = create(sessions, GRIDS[0])
    with sessions.begin() as session:
        for job in session.scalars(select(Job).where(Job.sweep_position.in_([0, 3]))):
            session.delete(job)
    migrate_down_and_up(database_url)
    spec, jobs, trained = read(sessions, sweep_id)
    assert [job.configuration.number for job in jobs] == [1, 2, 4, 5, 6, 7]
    assert [make_spec(spec, job) for job in jobs] == trained


def migrate_down_and_up(database_url: str) -> None:
    command.downgrade(schema.make_config(database_url), "0005")
    schema.migrate(database_url)


def test_what_was_asked_for_has_the_same_order_on_every_database(sessions: Sessions) -> None:
    base = {"train_samples": 6000, "epochs": 2, "metadata": {"project": "a", "b": "c"}, "optimizer": {"name": "sgd"}}
    spec, _, trained = read(sessions, create(sessions, {}, base=base))
    assert list(spec.base) == ["epochs", "optimizer", "train_samples", "metadata"]
    assert list(trained[0].metadata) == ["b", "project"]
