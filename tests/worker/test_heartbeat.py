"""The heartbeat of a claimed job on a real database, and what its thread does when that fails."""

import threading
from typing import Any

import pytest
from sqlalchemy import update

from db import jobs, leases, predictions
from db.models import Job
from jobs.progress import EpochProgress
from tests.support.figures import epoch_progress
from tests.support.outage import Outage
from tests.support.waiting import wait_for
from tests.worker.scripted import FakeTraining, ScriptedWorker


def fails(error: type[BaseException], *, times: int, then: Any) -> Any:
    """A function that raises at first, and then does as `then`."""
    failures = iter(range(times))

    def function(*arguments: Any, **named: Any) -> Any:
        if next(failures, None) is not None:
            raise error
        return then(*arguments, **named)

    return function


def test_a_heartbeat_renews_the_lease(worker: ScriptedWorker) -> None:
    lease = worker.claim()
    with worker.sessions.begin() as session:
        session.execute(update(Job).values(lease_expires_at=Job.created_at))

    def renewed() -> bool:
        job = worker.find(lease.job_id)
        return job.lease_expires_at is not None and job.lease_expires_at > job.created_at

    with worker.make_heartbeat(lease, heartbeat_seconds=0.01):
        wait_for(renewed, seconds=60)


def test_a_heartbeat_writes_the_progress_of_a_slow_epoch(
    worker: ScriptedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.heartbeat.PROGRESS_SECONDS", 0.01)
    lease = worker.claim()
    images = iter(range(1, 10**9))
    with worker.make_heartbeat(lease) as heartbeat:
        heartbeat.report(lambda: epoch_progress(images=next(images)))
        for least in (1, 2):  # written, and written again

            def moved(least: int = least) -> bool:
                progress = worker.find(lease.job_id).epoch_progress
                return progress is not None and progress["images"] > least

            wait_for(moved, seconds=60)


def test_the_progress_of_a_quick_epoch_costs_no_write(worker: ScriptedWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    lease, measured, polled = worker.claim(), threading.Event(), threading.Event()

    def renew(*_: Any, **__: Any) -> None:
        pytest.fail("a quick epoch was reported")

    def measure() -> EpochProgress:
        (polled if measured.is_set() else measured).set()
        return epoch_progress(fraction=0.5, epoch_seconds=3.9)

    monkeypatch.setattr(leases, "heartbeat", renew)
    heartbeat = worker.make_heartbeat(lease)
    heartbeat._renewed_at -= 5  # seconds: less than the interval of heartbeats, more than that of progress
    with heartbeat:
        heartbeat.report(measure)
        assert polled.wait(60)


def test_a_training_is_asked_for_its_progress(worker: ScriptedWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()
    monkeypatch.setattr(FakeTraining, "measure_progress", lambda _: asked.set())
    worker.before = lambda _: wait_for(asked.is_set, seconds=60)
    assert worker.work_on(worker.submit(epochs=1)).state == "succeeded"


def test_a_heartbeat_ends_the_process_of_a_stalled_training(worker: ScriptedWorker) -> None:
    exited = threading.Event()
    with worker.make_heartbeat(worker.claim(), stalled_seconds=0.1, exit_process=exited.set):
        assert exited.wait(60)


def test_a_heartbeat_that_meets_a_bug_is_followed_by_others(
    worker: ScriptedWorker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lease, renewed = worker.claim(), threading.Event()
    renew = leases.heartbeat

    def renew_and_tell(*arguments: Any, **named: Any) -> None:
        renew(*arguments, **named)
        renewed.set()

    monkeypatch.setattr(leases, "heartbeat", fails(ZeroDivisionError, times=3, then=renew_and_tell))
    with worker.make_heartbeat(lease, heartbeat_seconds=0.01):
        assert renewed.wait(60)
    assert [record.levelname for record in caplog.records if "heartbeat failed" in record.message] == ["ERROR"] * 3


def test_a_cancel_is_noticed_after_a_bug(worker: ScriptedWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancel(_: int) -> None:
        with worker.sessions.begin() as session:
            jobs.request_cancel(session, job_id)
        worker.trainings[0].train_until_stopped()

    monkeypatch.setattr(predictions, "is_waiting", fails(ZeroDivisionError, times=3, then=predictions.is_waiting))
    worker.before = cancel
    job_id = worker.submit(epochs=1)
    assert worker.work_on(job_id).state == "cancelled"


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_a_training_without_a_heartbeat_does_not_go_on(
    worker: ScriptedWorker, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """A bug at every heartbeat for as long as a lease, or the end of the thread: then the process ends."""
    lease, exited = worker.claim(), threading.Event()
    monkeypatch.setattr(leases, "heartbeat", fails(error, times=1_000_000, then=None))
    with worker.make_heartbeat(lease, lease_seconds=0.05, heartbeat_seconds=0.01, exit_process=exited.set):
        assert exited.wait(60)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_waiting_for_the_database_is_not_stalling(worker: ScriptedWorker, outage: Outage) -> None:
    exited = threading.Event()
    with worker.make_heartbeat(worker.claim(), stalled_seconds=0.3, exit_process=exited.set):
        outage.begin()
        assert not exited.wait(1)
        outage.end()
        assert exited.wait(60)
