"""Ended jobs deleted by age and number in the rounds of the reconciler."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from broker import retention
from broker.reconciler import Reconciler
from broker.retention import Limits, Retention
from db.clock import after
from db.models import Job
from db.retention import try_turn
from db.session import Sessions, connect
from storage import files
from tests.broker.test_reconciler import FakeHints
from tests.support.fake_worker import FakeWorker
from tests.support.submitting import create_job
from tests.support.waiting import wait_for

MONTH = Limits(max_age=timedelta(days=30))
DAY_SECONDS = 86_400


def end_jobs(sessions: Sessions, *days_ago: float) -> list[str]:
    ids = [create_job(sessions) for _ in days_ago]
    worker = FakeWorker(sessions)
    for job_id, days in zip(ids, days_ago, strict=True):
        worker.cancel(worker.train(job_id, 0.5))
        with sessions.begin() as session:
            session.execute(update(Job).where(Job.id == job_id).values(finished_at=after(-days * DAY_SECONDS)))
    return ids


def list_jobs(sessions: Sessions) -> Sequence[str]:
    with sessions.read() as session:
        return session.scalars(select(Job.id).order_by(Job.id)).all()


def test_the_reconciler_deletes_what_has_expired_and_nothing_else(sessions: Sessions, file_url: str) -> None:
    old, young = end_jobs(sessions, 31, 29)
    queued = create_job(sessions)
    running = FakeWorker(sessions).claim(create_job(sessions)).job_id
    for job_id in (old, young):
        files.write(files.join(file_url, f"{job_id}/1"), b"weights")
    reconciler = Reconciler(
        sessions, FakeHints(), interval_seconds=0.02, retention=Retention(sessions, file_url, MONTH)
    )
    reconciler.start()
    wait_for(lambda: old not in list_jobs(sessions), seconds=30)
    reconciler.stop()
    assert list_jobs(sessions) == [young, queued, running]
    assert files.read(files.join(file_url, f"{young}/1")) == b"weights"
    with pytest.raises(FileNotFoundError):
        files.read(files.join(file_url, f"{old}/1"))


def test_a_round_deletes_a_batch_and_the_next_one_the_rest(
    sessions: Sessions, file_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    ids = end_jobs(sessions, 5, 4, 3, 2, 1)
    limited = Retention(sessions, file_url, Limits(keep=2))
    limited.delete_batch()
    assert list_jobs(sessions) == ids[2:]
    limited.delete_batch()
    assert list_jobs(sessions) == ids[3:]
    end_jobs(sessions, 0)
    limited.delete_batch()
    assert len(list_jobs(sessions)) == 3, "it pauses once there are no more"


def test_one_process_deletes_at_a_time(sessions: Sessions, database_url: str, file_url: str) -> None:
    [old] = end_jobs(sessions, 31)
    other = connect(database_url)
    with try_turn(other) as taken:
        assert taken
        Retention(sessions, file_url, MONTH).delete_batch()
        assert list_jobs(sessions) == [old]
    other.close()
    Retention(sessions, file_url, MONTH).delete_batch()
    assert list_jobs(sessions) == []


def test_a_job_whose_files_cannot_be_deleted_stays(sessions: Sessions) -> None:
    [old] = end_jobs(sessions, 31)
    with pytest.raises(OSError, match="nowhere"):
        Retention(sessions, "nowhere://folder", MONTH).delete_batch()
    assert list_jobs(sessions) == [old]
