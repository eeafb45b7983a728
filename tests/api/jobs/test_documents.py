"""The JSON of a job, which no model makes, is what its model would make of it: at each stage of its life."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.jobs.models import JobOut, JobPage
from db import leases
from db.leases import Lease
from jobs.errors import Diverged
from jobs.metrics import Environment
from tests.support.fake_worker import FakeWorker
from tests.support.figures import OUTPUT_LAYER, layer_metrics
from tests.support.submitting import post_job, post_pair

ENVIRONMENT = Environment("cpu", "2.14.1", "3.11.7", 2, "0.1.0", "5f1c97d2")


@pytest.fixture
def read_as_model(client: TestClient) -> Callable[[str], dict[str, Any]]:
    """Reads a job, which its model has to write in the same bytes."""

    def read(job_id: str) -> dict[str, Any]:
        answer = client.get(f"/v1/jobs/{job_id}")
        assert JobOut.model_validate_json(answer.content).model_dump_json() == answer.text
        found: dict[str, Any] = answer.json()
        return found

    return read


@pytest.fixture
def environment(app: FastAPI) -> Callable[[Lease], None]:
    def record(lease: Lease) -> None:
        with app.state.sessions.begin() as session:
            leases.record_start(session, lease, ENVIRONMENT)

    return record


@pytest.fixture
def trained(client: TestClient, worker: FakeWorker, environment: Callable[[Lease], None]) -> Lease:
    """A running job with two epochs, of which the last shows a gradient that is not finite."""
    lease = worker.claim(post_job(client, epochs=3, metadata={"note": "n", "a": "b"})["id"])
    environment(lease)
    worker.record(lease, 1)
    layers = [layer_metrics(2, "conv2", gradient_norm=math.inf), replace(OUTPUT_LAYER, epoch=2)]
    worker.record(lease, 2, val_loss=0.1, layers=layers)
    return lease


def test_a_queued_job(client: TestClient, read_as_model: Callable[[str], Any]) -> None:
    parameters = {"activation": "leaky-relu", "parameters": {"alpha": 0.1}, "clip": None}
    posted = client.post("/v1/jobs", json=parameters)
    assert JobOut.model_validate_json(posted.content).model_dump_json() == posted.text
    assert read_as_model(posted.json()["id"]) == posted.json()


def test_a_job_in_training(trained: Lease, read_as_model: Callable[[str], Any]) -> None:
    job = read_as_model(trained.job_id)
    assert job["environment"]["torch"] == "2.14.1"
    assert job["diagnoses"][0]["non_finite"] == {"/evidence/gradient_norm": "inf", "/evidence/ratio": "inf"}


def test_a_job_that_succeeded(trained: Lease, worker: FakeWorker, read_as_model: Callable[[str], Any]) -> None:
    worker.record(trained, 3)
    worker.succeed(trained)
    job = read_as_model(trained.job_id)
    assert (job["state"], job["best"]["epoch"], job["latest"]["epoch"]) == ("succeeded", 2, 3)


def test_a_job_that_failed(trained: Lease, worker: FakeWorker, read_as_model: Callable[[str], Any]) -> None:
    worker.fail(trained, Diverged("the loss became nan"))
    assert read_as_model(trained.job_id)["error"] == {"code": "diverged", "message": "the loss became nan"}


def test_a_cancelled_job(client: TestClient, read_as_model: Callable[[str], Any]) -> None:
    job_id = post_job(client)["id"]
    answer = client.post(f"/v1/jobs/{job_id}/cancel")
    assert answer.json() == read_as_model(job_id)


def test_a_retry(client: TestClient, train: Callable[..., None], read_as_model: Callable[[str], Any]) -> None:
    job_id = post_job(client, epochs=1)["id"]
    train(job_id, 0.3)
    again = client.post(f"/v1/jobs/{job_id}/retry").json()
    assert (read_as_model(again["id"]), again["retry_of"]) == (again, job_id)


def test_jobs_of_a_sweep_on_a_page(client: TestClient) -> None:
    sweep = post_pair(client)
    page = client.get(f"/v1/jobs?sweep_id={sweep['id']}")
    assert JobPage.model_validate_json(page.content).model_dump_json() == page.text
    assert [job["sweep_id"] for job in page.json()["data"]] == [sweep["id"]] * 2
