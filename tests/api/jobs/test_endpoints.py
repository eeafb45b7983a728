"""Jobs: submitted, found, cancelled, retried and deleted."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from broker.reconciler import reconcile
from tests.support.fake_worker import FakeWorker
from tests.support.submitting import post_job

NOT_WITHIN_AN_EPOCH = {"images": None, "images_total": None, "images_per_second": None}


def test_a_submitted_job_is_accepted_whole(client: TestClient, hints: Any) -> None:
    response = client.post("/v1/jobs", json={"activation": "gelu", "epochs": 2})
    job = response.json()
    assert response.status_code == 202
    assert response.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["attempt"], job["queue_position"]) == ("queued", 0, 1)
    assert job["progress"] == {"epoch": 0, "epochs": 2, "fraction": 0.0, **NOT_WITHIN_AN_EPOCH}
    assert job["spec"]["parameters"] == {"approximate": "tanh"}
    assert [transition["state"] for transition in job["transitions"]] == ["queued"]
    assert hints.sent == [job["id"]]


def test_a_job_is_what_its_location_answers(client: TestClient) -> None:
    job = post_job(client)
    assert client.get(f"/v1/jobs/{job['id']}").json() == job


def test_a_broker_that_is_away_does_not_lose_the_job(app: FastAPI, client: TestClient, hints: Any) -> None:
    hints.away = True
    job = post_job(client)
    hints.away = False
    reconcile(app.state.sessions, hints)
    assert hints.sent == [job["id"]]


def test_the_article_protocol_fills_in_what_was_published(client: TestClient) -> None:
    spec = post_job(client, protocol="article")["spec"]
    assert (spec["epochs"], spec["validation"], spec["protocol"]) == (100, {"kind": "test"}, "article")
    assert post_job(client, protocol="article", epochs=5)["spec"]["epochs"] == 5


def test_an_unchanged_job_is_not_sent_again(client: TestClient, worker: FakeWorker) -> None:
    url = f"/v1/jobs/{post_job(client)['id']}"
    etag = client.get(url).headers["ETag"]
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
    worker.claim(url.rpartition("/")[2])
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 200


def test_a_job_in_training_shows_its_progress(client: TestClient, worker: FakeWorker) -> None:
    job_id = post_job(client, epochs=4)["id"]
    worker.record(worker.claim(job_id), 1)
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert job["progress"] == {"epoch": 1, "epochs": 4, "fraction": 0.25, **NOT_WITHIN_AN_EPOCH}
    assert (job["eta_seconds"], job["best"]["epoch"], job["latest"]["val_loss"]) == (6.0, 1, 1 / 3)


def test_a_job_in_training_shows_how_far_a_slow_epoch_is(client: TestClient, worker: FakeWorker) -> None:
    job_id = post_job(client, epochs=4)["id"]
    lease = worker.claim(job_id)
    worker.report(lease, 1, fraction=0.5, epoch_seconds=12.0)
    job = client.get(f"/v1/jobs/{job_id}").json()
    within = {"images": 4200, "images_total": 6000, "images_per_second": 650.0}
    assert job["progress"] == {"epoch": 0, "epochs": 4, "fraction": 0.125, **within}
    assert job["eta_seconds"] == 3.5 * 12, "by how the first epoch goes"
    worker.record(lease, 1, epoch_seconds=10.0)
    worker.report(lease, 2, fraction=0.5, epoch_seconds=12.0)
    assert client.get(f"/v1/jobs/{job_id}").json()["eta_seconds"] == 2.5 * 10, "by the epochs so far"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", "/cancel"),
        ("POST", "/retry"),
        ("DELETE", ""),
        ("GET", "/history"),
        ("GET", "/layers"),
        ("GET", "/parameters"),
        ("GET", "/stream"),
    ],
)
def test_a_job_that_does_not_exist_is_not_found(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, f"/v1/jobs/no-such-job{path}")
    assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


def test_a_queued_job_is_cancelled_at_once_and_cancelling_is_idempotent(client: TestClient) -> None:
    url = f"/v1/jobs/{post_job(client)['id']}/cancel"
    assert [client.post(url).json()["state"] for _ in range(2)] == ["cancelled", "cancelled"]


def test_a_finished_job_cannot_be_cancelled(client: TestClient, worker: FakeWorker) -> None:
    lease = worker.claim(post_job(client, epochs=1)["id"])
    worker.record(lease, 1)
    worker.succeed(lease)
    response = client.post(f"/v1/jobs/{lease.job_id}/cancel")
    assert (response.status_code, response.json()["code"]) == (409, "job_finished")


def test_a_retry_is_a_new_job_with_the_same_spec(client: TestClient, hints: Any) -> None:
    first = post_job(client, epochs=7)
    client.post(f"/v1/jobs/{first['id']}/cancel")
    response = client.post(f"/v1/jobs/{first['id']}/retry")
    second = response.json()
    assert response.status_code == 202
    assert (second["retry_of"], second["spec"], second["state"]) == (first["id"], first["spec"], "queued")
    assert hints.sent == [first["id"], second["id"]]


@pytest.mark.parametrize(("method", "path"), [("POST", "/retry"), ("DELETE", "")])
def test_an_unfinished_job_is_neither_retried_nor_deleted(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, f"/v1/jobs/{post_job(client)['id']}{path}")
    assert (response.status_code, response.json()["code"]) == (409, "job_not_finished")


def test_a_deleted_job_is_gone_with_its_files(client: TestClient, tmp_path: Path) -> None:
    job_id = post_job(client)["id"]
    folder = tmp_path / "checkpoints" / job_id
    folder.mkdir(parents=True)
    (folder / "epoch-0001-attempt-1.safetensors").touch()
    client.post(f"/v1/jobs/{job_id}/cancel")
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert client.get(f"/v1/jobs/{job_id}").status_code == 404
    assert not folder.exists()
