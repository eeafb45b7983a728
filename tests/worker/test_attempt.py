"""One job from hint to end, on a real database, with a training that takes no time."""

import threading

import pytest
from sqlalchemy import update

from db import jobs, queue, schema
from db.models import Job
from jobs.errors import Diverged
from jobs.spec import Trainable
from tests.support.fake_worker import FakeWorker
from tests.support.outage import Outage
from tests.worker.scripted import ScriptedWorker

LEARNING = {"activation": "elu", "trainable": Trainable(parameters=["alpha"])}


def test_a_job_is_trained_to_its_end(worker: ScriptedWorker) -> None:
    job = worker.work_on(worker.submit(epochs=3))
    assert (job.state, job.epochs_done, job.test_accuracy) == ("succeeded", 3, 0.9)
    assert worker.read_history(job.id) == [(1, 1, 1.0), (2, 1, 2.0), (3, 1, 3.0)]
    assert job.environment is not None
    assert job.environment["device"] == "cpu"


def test_a_duplicate_hint_trains_nothing(worker: ScriptedWorker) -> None:
    job_id = worker.submit(epochs=1)
    worker.work_on(job_id)
    worker.work_on(job_id)
    assert len(worker.trainings) == 1


@pytest.mark.parametrize("epochs", [2, 3], ids=["at its end", "before its end"])
def test_a_worker_of_another_version_stops_and_writes_nothing(worker: ScriptedWorker, epochs: int) -> None:
    def migrate_in_epoch_two(epoch: int) -> None:
        if epoch == 2:
            with worker.sessions.engine.begin() as connection:  # as a migration, from outside
                connection.execute(update(schema.ALEMBIC_VERSION).values(version_num="0999"))
        if epoch == 3:
            worker.trainings[0].train_until_stopped()

    worker.before = migrate_in_epoch_two
    schema.guard(worker.sessions)
    job_id = worker.submit(epochs=epochs)
    worker.train(job_id)
    assert [epoch for epoch, _, _ in worker.read_history(job_id)] == [1]
    job = worker.find(job_id)
    assert (job.state, job.error_code) == ("running", None), "its lease expires, or its worker is started again"


def test_a_cancelled_job_ends_between_batches_with_its_epochs_kept(worker: ScriptedWorker) -> None:
    def cancel_in_epoch_two(epoch: int) -> None:
        if epoch == 2:
            with worker.sessions.begin() as session:
                jobs.request_cancel(session, job_id)
            worker.trainings[0].train_until_stopped()

    worker.before = cancel_in_epoch_two
    job_id = worker.submit(epochs=3)
    assert worker.work_on(job_id).state == "cancelled"
    assert [epoch for epoch, _, _ in worker.read_history(job_id)] == [1]


def test_a_draining_worker_gives_the_job_back_and_another_resumes_it(worker: ScriptedWorker) -> None:
    job_id = worker.submit(epochs=3)
    job = worker.work_until(2, job_id)
    assert (job.state, job.crashes) == ("queued", 0)
    assert worker.work_on(job_id, "worker/2").state == "succeeded"
    assert worker.read_history(job_id) == [(1, 1, 1.0), (2, 2, 2.0), (3, 2, 3.0)]


def test_learnt_parameters_are_recorded_once_from_the_start_whatever_the_attempts(worker: ScriptedWorker) -> None:
    job_id = worker.submit(**LEARNING, epochs=4, checkpoint_every=2)
    for epoch in (1, 4):
        worker.work_until(epoch, job_id)
    assert worker.work_on(job_id).state == "succeeded"
    assert worker.read_parameters(job_id) == [(epoch, "conv1", float(epoch)) for epoch in range(5)]


def test_epochs_after_an_older_checkpoint_are_recomputed_but_not_recorded_again(worker: ScriptedWorker) -> None:
    job_id = worker.submit(epochs=5, checkpoint_every=2)
    worker.work_until(4, job_id)
    assert worker.work_on(job_id).state == "succeeded"
    assert worker.read_history(job_id) == [(1, 1, 1.0), (2, 1, 2.0), (3, 1, 3.0), (4, 2, 4.0), (5, 2, 5.0)]


@pytest.mark.parametrize("loss", ["damaged", "gone"])
def test_without_a_whole_checkpoint_training_starts_over_and_leads_to_the_same(
    worker: ScriptedWorker, loss: str
) -> None:
    job_id = worker.submit(epochs=3)
    worker.work_until(3, job_id)
    if loss == "gone":
        worker.checkpoints.files.clear()
    worker.checkpoints.damaged = set(worker.checkpoints.files)
    worker.work_on(job_id)
    assert worker.read_history(job_id) == [(1, 1, 1.0), (2, 1, 2.0), (3, 2, 3.0)]


@pytest.mark.parametrize(("failing_loads", "retry_seconds", "resumed_from"), [(2, 60, 2), (1000, 0.1, 0)])
def test_storage_that_is_away_is_retried_and_then_done_without(
    worker: ScriptedWorker,
    monkeypatch: pytest.MonkeyPatch,
    failing_loads: int,
    retry_seconds: float,
    resumed_from: int,
) -> None:
    monkeypatch.setattr("worker.retries.STORAGE_SECONDS", retry_seconds)
    job_id = worker.submit(epochs=4)
    worker.work_until(3, job_id)
    trained: list[int] = []
    worker.before = trained.append
    worker.checkpoints.failing_loads = failing_loads
    assert worker.work_on(job_id).state == "succeeded"
    assert trained == list(range(resumed_from + 1, 5))
    assert [epoch for epoch, _, _ in worker.read_history(job_id)] == [1, 2, 3, 4]


def test_checkpoints_are_made_as_often_as_requested_and_after_the_last_epoch(worker: ScriptedWorker) -> None:
    job_id = worker.submit(epochs=5, checkpoint_every=3)
    worker.work_on(job_id)
    assert sorted(worker.checkpoints.files) == [f"{job_id}/3-1", f"{job_id}/5-1"]


def test_a_full_disk_costs_the_checkpoint_not_the_epoch(worker: ScriptedWorker) -> None:
    worker.checkpoints.full = True
    assert worker.work_on(worker.submit(epochs=2)).state == "succeeded"


def test_a_diverged_job_fails_with_its_epochs_kept(worker: ScriptedWorker) -> None:
    message = "the training loss became nan in epoch 2"

    def diverge_in_epoch_two(epoch: int) -> None:
        if epoch == 2:
            raise Diverged(message)

    worker.before = diverge_in_epoch_two
    job = worker.work_on(worker.submit(epochs=3))
    assert (job.state, job.error_code, job.error_message) == ("failed", "diverged", message)
    assert [epoch for epoch, _, _ in worker.read_history(job.id)] == [1]


def test_an_unexpected_error_fails_the_job_and_is_named(worker: ScriptedWorker) -> None:
    def bug(epoch: int) -> None:
        raise ZeroDivisionError(f"in epoch {epoch}")

    worker.before = bug
    job = worker.work_on(worker.submit())
    assert (job.error_code, job.error_message) == ("internal_error", "ZeroDivisionError: in epoch 1")


def test_a_worker_that_lost_its_job_stops_and_writes_nothing(worker: ScriptedWorker) -> None:
    def lose_in_epoch_two(epoch: int) -> None:
        if epoch == 2 and len(worker.trainings) == 1:
            worker.reap("worker/1")
            FakeWorker(worker.sessions, "worker/2").claim(job_id)
            worker.trainings[0].train_until_stopped()

    worker.before = lose_in_epoch_two
    job_id = worker.submit(epochs=3)
    job = worker.work_on(job_id)
    assert (job.state, job.lease_owner, job.attempt, job.epochs_done) == ("running", "worker/2", 2, 1)


def test_a_worker_that_comes_back_to_a_lost_lease_has_not_crashed(worker: ScriptedWorker) -> None:
    def suspend(epoch: int) -> None:
        if epoch == 2 and len(worker.trainings) <= 3:
            with worker.sessions.begin() as session:
                session.execute(update(Job).values(lease_expires_at=Job.created_at))
            while worker.find(job_id).state == "running":  # the heartbeat may have renewed it just then
                with worker.sessions.begin() as session:
                    session.execute(update(Job).values(lease_expires_at=Job.created_at))
                    queue.reap(session)
            worker.trainings[-1].train_until_stopped()

    worker.before = suspend
    job_id = worker.submit(epochs=3)
    for attempt in range(1, 4):
        job = worker.work_on(job_id)
        assert (job.state, job.attempt, job.crashes) == ("queued", attempt, 0)
    assert worker.work_on(job_id).state == "succeeded"
    assert [epoch for epoch, _, _ in worker.read_history(job_id)] == [1, 2, 3]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_job_that_ends_during_an_outage_ends_in_sql_after_it(worker: ScriptedWorker, outage: Outage) -> None:
    def away_from_epoch_two(epoch: int) -> None:
        if epoch == 2:
            outage.begin()
            threading.Timer(1.0, outage.end).start()

    worker.before = away_from_epoch_two
    assert worker.work_on(worker.submit(epochs=3)).state == "succeeded"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_worker_that_drains_in_an_outage_stops_and_lets_its_lease_expire(
    worker: ScriptedWorker, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drain_in_the_outage(epoch: int) -> None:
        if epoch == 2:
            outage.begin()
            worker.draining.set()

    monkeypatch.setattr("worker.retries.DRAIN_SECONDS", 0.5)
    worker.before = drain_in_the_outage
    job_id = worker.submit(epochs=3)
    worker.train(job_id)
    outage.end()
    assert (worker.find(job_id).state, worker.find(job_id).lease_owner) == ("running", "worker/1")
