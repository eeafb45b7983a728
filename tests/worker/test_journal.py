"""Epochs of a scripted training, written and kept through outages of a real database."""

import pytest
from sqlalchemy import text

from jobs.spec import Trainable
from tests.support.outage import Outage
from tests.worker.scripted import ScriptedWorker, do_nothing

on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


def test_old_checkpoints_are_deleted(worker: ScriptedWorker) -> None:
    job_id = worker.submit(epochs=5)
    worker.work_on(job_id)
    kept = [f"{job_id}/{epoch}-1" for epoch in (1, 4, 5)]  # 1 is the best: none has a lower loss
    assert sorted(worker.checkpoints.files) == kept


def test_a_checkpoint_that_cannot_be_deleted_costs_room_not_the_job(worker: ScriptedWorker) -> None:
    worker.checkpoints.undeletable = True
    assert worker.work_on(worker.submit(epochs=5)).state == "succeeded"


@on_postgres
def test_training_goes_on_while_the_database_is_away_and_every_epoch_is_written_later(
    worker: ScriptedWorker, outage: Outage
) -> None:
    def away_from_epoch_two_to_five(epoch: int) -> None:
        if epoch == 2:
            outage.begin()
        if epoch == 5:
            outage.end()

    worker.before = away_from_epoch_two_to_five
    job = worker.work_on(worker.submit(activation="elu", epochs=6, trainable=Trainable(parameters=["alpha"])))
    assert (job.state, job.attempt) == ("succeeded", 1)
    assert worker.read_parameters(job.id) == [(epoch, "conv1", float(epoch)) for epoch in range(7)]
    assert worker.read_history(job.id) == [(epoch, 1, float(epoch)) for epoch in range(1, 7)]
    with worker.sessions.read() as session:
        numbers = list(session.scalars(text("SELECT seq FROM events ORDER BY seq")))
    assert numbers == list(range(1, job.event_seq + 1))
    assert sorted(worker.checkpoints.files) == [f"{job.id}/{epoch}-1" for epoch in (1, 5, 6)]


@on_postgres
def test_a_job_lost_during_an_outage_is_not_written_to_after_it(worker: ScriptedWorker, outage: Outage) -> None:
    def lose_in_the_outage(epoch: int) -> None:
        if epoch == 2:
            outage.begin()
        if epoch == 4:
            outage.end()
            worker.reap("worker/1")
            worker.trainings[0].train_until_stopped()

    worker.before = lose_in_the_outage
    job = worker.work_on(worker.submit(epochs=5))
    assert (job.state, job.epochs_done) == ("queued", 1)
    worker.before = do_nothing
    job = worker.work_on(job.id, "worker/2")
    assert worker.read_history(job.id) == [(1, 1, 1.0), *((epoch, 2, float(epoch)) for epoch in range(2, 6))]
