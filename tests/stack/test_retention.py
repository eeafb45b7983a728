from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from broker.retention import Limits
from db.clock import after
from db.models import Epoch, Job, Sweep
from db.session import Sessions
from jobs.sweep import SweepSpec
from runtime.settings import Settings
from stack.retention import prune
from storage import files
from tests.support.command_line import run_program
from tests.support.fake_worker import FakeWorker
from tests.support.submitting import PAIR, create_job, create_sweep

DAY = 86_400


@pytest.fixture
def settings(database_url: str, file_url: str) -> Settings:
    return Settings(database_url=database_url, checkpoints_url=file_url)


def end_job(sessions: Sessions, job_id: str, *, days_ago: float) -> str:
    worker = FakeWorker(sessions)
    worker.cancel(worker.train(job_id, 0.5))
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(finished_at=after(-days_ago * DAY)))
    return job_id


def list_jobs(sessions: Sessions) -> set[str]:
    with sessions.read() as session:
        return set(session.scalars(select(Job.id)))


def prune_jobs(
    settings: Settings, *, days: float | None = None, keep: int | None = None, dry_run: bool = False
) -> Sequence[str]:
    return prune(settings, Limits(None if days is None else timedelta(days=days), keep), dry_run=dry_run)


def test_jobs_that_ended_long_ago_are_deleted_with_their_files(sessions: Sessions, settings: Settings):
    old, young = (end_job(sessions, create_job(sessions), days_ago=days) for days in (31, 29))
    queued = create_job(sessions)
    for job_id in (old, young):
        files.write(files.join(settings.checkpoints, f"{job_id}/1"), b"weights")

    assert prune_jobs(settings, days=30, dry_run=True) == [old]
    assert list_jobs(sessions) == {old, young, queued}
    assert prune_jobs(settings, days=30) == [old]

    assert list_jobs(sessions) == {young, queued}
    with sessions.read() as session:
        assert set(session.scalars(select(Epoch.job_id))) == {young}
    assert files.read(files.join(settings.checkpoints, f"{young}/1")) == b"weights"
    with pytest.raises(FileNotFoundError):
        files.read(files.join(settings.checkpoints, f"{old}/1"))


def test_the_last_jobs_that_ended_are_kept(sessions: Sessions, settings: Settings):
    oldest, middle, newest = (end_job(sessions, create_job(sessions), days_ago=days) for days in (3, 2, 1))

    assert prune_jobs(settings, keep=3) == []
    assert prune_jobs(settings, keep=1) == [oldest, middle]
    assert list_jobs(sessions) == {newest}
    assert prune_jobs(settings, keep=0) == [newest]


def test_a_sweep_is_deleted_with_its_last_job_and_not_before_it_has_ended(sessions: Sessions, settings: Settings):
    _, (first, second) = create_sweep(sessions, SweepSpec.model_validate(PAIR))
    end_job(sessions, first, days_ago=100)

    assert prune_jobs(settings, days=30) == []
    end_job(sessions, second, days_ago=99)
    assert prune_jobs(settings, days=30) == [first, second]
    with sessions.read() as session:
        assert session.scalars(select(Sweep.id)).all() == []


def test_prune_is_told_which_jobs(tmp_path: Path):
    there = {"ACTIVATION_LAB_DATA_DIR": str(tmp_path), "ACTIVATION_LAB_LOG_LEVEL": "error"}
    run_program("migrate", **there)

    assert run_program("prune", **there).returncode == 2
    assert (run_program("prune", "--keep", "5", **there).returncode) == 0
