import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.testclient import TestClient

from db import predictions
from db.leases import Lease
from db.models import Prediction
from db.predictions import Answer
from db.session import Sessions
from tests.support.fake_worker import FakeWorker
from tests.support.submitting import post_job

DARK = [[0] * 28 for _ in range(28)]
SEVEN = [0.01, 0.0, 0.02, 0.01, 0.0, 0.0, 0.0, 0.95, 0.0, 0.01]


@pytest.fixture
def lease(client: TestClient, worker: FakeWorker) -> Lease:
    job_id = post_job(client, epochs=3)["id"]
    claimed: Lease = worker.claim(job_id)
    return claimed


@pytest.fixture
def path(lease: Lease, worker: FakeWorker) -> str:
    """Of a job with a checkpoint."""
    worker.checkpoint(lease, 1)
    return f"/v1/jobs/{lease.job_id}/predict"


@contextmanager
def answering(app: FastAPI, conclude: Callable[[Any, str], None]) -> Iterator[None]:
    """Does with the first hint what it is told to."""

    def work() -> None:
        deadline = monotonic() + 5
        while not app.state.hints.predictions and monotonic() < deadline:
            sleep(0.01)
        with app.state.sessions.begin() as session:
            conclude(session, app.state.hints.predictions[0])

    thread = Thread(target=work)
    thread.start()
    yield
    thread.join()


def left(sessions: Sessions) -> int:
    with sessions.read() as session:
        return session.scalar(select(func.count()).select_from(Prediction)) or 0


def test_a_workers_answer_is_the_digit_with_its_probabilities(client: TestClient, app: FastAPI, path: str) -> None:
    def answer(session: Any, prediction_id: str) -> None:
        predictions.answer(session, prediction_id, Answer(epoch=1, probabilities=SEVEN))

    with answering(app, answer):
        response = client.post(path, json={"image": DARK})
    assert (response.status_code, response.json()) == (200, {"digit": 7, "probabilities": SEVEN, "epoch": 1})
    assert left(app.state.sessions) == 0


@pytest.mark.parametrize(
    ("code", "status"), [("no_checkpoint", 409), ("storage_unavailable", 503), ("internal_error", 500)]
)
def test_what_the_worker_met_is_named(client: TestClient, app: FastAPI, path: str, code: str, status: int) -> None:
    with answering(
        app, lambda session, prediction_id: predictions.answer(session, prediction_id, Answer(error_code=code))
    ):
        response = client.post(path, json={"image": DARK})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert left(app.state.sessions) == 0


def test_without_a_worker_the_wait_is_bounded(client: TestClient, app: FastAPI, path: str) -> None:
    started = monotonic()
    response = client.post(path, json={"image": DARK})
    assert 1 <= monotonic() - started < 5
    assert (response.status_code, response.json()["code"]) == (503, "no_worker_answered")
    assert response.headers["Retry-After"] == "5"
    assert left(app.state.sessions) == 0, "nobody waits for it any more"


def test_many_waiting_predictions_delay_no_other_request(client: TestClient, path: str) -> None:
    waiting = [Thread(target=client.post, args=[path], kwargs={"json": {"image": DARK}}) for _ in range(60)]
    for thread in waiting:
        thread.start()
    started = monotonic()
    assert client.get("/v1/activations").status_code == 200
    assert monotonic() - started < 5
    for thread in waiting:
        thread.join()


def test_an_unknown_job_is_not_found(client: TestClient) -> None:
    response = client.post("/v1/jobs/nonsense/predict", json={"image": DARK})
    assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


def test_a_job_deleted_meanwhile_is_not_found(
    client: TestClient, app: FastAPI, path: str, worker: FakeWorker, lease: Any
) -> None:
    worker.cancel(lease)
    with answering(app, lambda *_: client.delete(path.removesuffix("/predict"))):
        response = client.post(path, json={"image": DARK})
    assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


def test_a_job_without_a_checkpoint_cannot_predict_yet(client: TestClient, lease: Lease) -> None:
    response = client.post(f"/v1/jobs/{lease.job_id}/predict", json={"image": DARK})
    assert (response.status_code, response.json()["code"]) == (409, "no_checkpoint")


def with_pixel(value: str) -> str:
    return json.dumps({"image": DARK}).replace("0", value, 1)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (with_pixel("-1"), "/image/0/0"),
        (with_pixel("255.5"), "/image/0/0"),
        (with_pixel("NaN"), "/image/0/0"),
        (with_pixel("1e999"), "/image/0/0"),
        (with_pixel('"7"'), "/image/0/0"),
        (with_pixel("true"), "/image/0/0"),
        (with_pixel("null"), "/image/0/0"),
        (json.dumps({"image": [[0] * 28] * 27}), "/image"),
        (json.dumps({"image": [[0] * 28] * 29}), "/image"),
        (json.dumps({"image": [*DARK[:5], [0] * 27, *DARK[6:]]}), "/image/5"),
        (json.dumps({"image": [0] * 784}), "/image/0"),
        (json.dumps({"image": "x"}), "/image"),
        (json.dumps({}), "/image"),
        (json.dumps({"image": DARK, "colour": 1}), "/colour"),
    ],
)
def test_a_bad_image_is_refused_where_it_is_bad(client: TestClient, path: str, body: str, pointer: str) -> None:
    response = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
