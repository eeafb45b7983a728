"""Predictions of a scripted worker, idle and in training, over a real database."""

import math
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import update

from db.models import Job, Prediction
from tests.support.outage import Outage
from tests.worker.scripted import ScriptedWorker
from worker.predictor import Predictor


def predict_while_training(worker: ScriptedWorker, monkeypatch: pytest.MonkeyPatch) -> tuple[Job, Prediction]:
    """The only worker trains, and a client requests a prediction of the very job in its third epoch."""
    monkeypatch.setattr("db.predictions.IDLE_HEAD_START_SECONDS", 0.0)
    requested: list[str] = []

    def request_in_epoch_three(epoch: int) -> None:
        if epoch == 3:
            requested.append(worker.request_prediction(job_id))
            for _ in range(2000):
                worker.trainings[0].between_batches()
                if worker.find_prediction(requested[0]).answered_at is not None:
                    return
                threading.Event().wait(0.005)
            pytest.fail("the request was never answered")

    worker.before = request_in_epoch_three
    job_id = worker.submit(epochs=4)
    return worker.work_on(job_id), worker.find_prediction(requested[0])


def test_a_worker_that_trains_answers_between_batches(worker: ScriptedWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    job, prediction = predict_while_training(worker, monkeypatch)
    assert (prediction.epoch, prediction.probabilities) == (2, [2.0] * 10)
    assert job.state == "succeeded"
    assert worker.read_history(job.id) == [(epoch, 1, float(epoch)) for epoch in (1, 2, 3, 4)]


@pytest.mark.parametrize("classifier", [lambda _: [1 / 0], lambda _: [math.nan] * 10])
def test_a_prediction_that_goes_wrong_ends_no_training(
    worker: ScriptedWorker, monkeypatch: pytest.MonkeyPatch, classifier: Callable[..., list[float]]
) -> None:
    worker.predictor = Predictor(worker.sessions, worker.checkpoints, lambda *_: classifier)
    job, prediction = predict_while_training(worker, monkeypatch)
    assert prediction.error_code == "internal_error"
    assert job.state == "succeeded"


@pytest.mark.parametrize(
    ("trouble", "epoch", "code"),
    [("none", 2, None), ("newest", 1, None), ("all", None, "no_checkpoint"), ("storage", None, "storage_unavailable")],
)
def test_an_idle_worker_answers_from_the_newest_checkpoint_that_is_whole(
    worker: ScriptedWorker, trouble: str, epoch: int | None, code: str | None
) -> None:
    job = worker.work_on(worker.submit(epochs=2))
    paths = sorted(worker.checkpoints.files)
    worker.checkpoints.damaged = {"newest": {paths[-1]}, "all": set(paths)}.get(trouble, set())
    worker.checkpoints.failing_loads = trouble == "storage"
    prediction_id = worker.request_prediction(job.id)
    worker.predictor.answer(prediction_id)
    prediction = worker.find_prediction(prediction_id)
    assert (prediction.epoch, prediction.error_code) == (epoch, code)


def test_a_prediction_of_a_job_of_a_newer_version_is_refused_by_name(worker: ScriptedWorker) -> None:
    job = worker.work_on(worker.submit(epochs=1))
    with worker.sessions.begin() as session:
        session.execute(update(Job).values(spec={**job.spec, "lookahead": {"steps": 5}}))
    prediction_id = worker.request_prediction(job.id)
    worker.predictor.answer(prediction_id)
    assert worker.find_prediction(prediction_id).error_code == "unsupported_spec"


def test_the_next_request_for_the_same_job_reads_no_file(worker: ScriptedWorker) -> None:
    job = worker.work_on(worker.submit(epochs=1))
    first, second = worker.request_prediction(job.id), worker.request_prediction(job.id)
    worker.predictor.answer(first)
    worker.checkpoints.files.clear()
    worker.predictor.answer(second)
    assert worker.find_prediction(second).probabilities == [1.0] * 10


def test_a_hint_for_a_prediction_that_is_gone_does_nothing(worker: ScriptedWorker) -> None:
    worker.predictor.answer("nonsense")


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_an_outage_while_predicting_is_no_error(worker: ScriptedWorker, outage: Outage) -> None:
    job = worker.work_on(worker.submit(epochs=1))
    prediction_id = worker.request_prediction(job.id)
    outage.begin()
    worker.predictor.answer(prediction_id)
