"""The state and the progress of a sweep."""

from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from db import leases
from jobs.errors import Diverged
from tests.support.fake_worker import FakeWorker
from tests.support.submitting import list_job_ids, post_pair


def test_a_sweep_shows_how_far_it_is(client: TestClient, worker: FakeWorker) -> None:
    sweep = post_pair(client)
    worker.record(worker.claim(list_job_ids(sweep)[0]), 1)
    now = client.get(f"/v1/sweeps/{sweep['id']}").json()
    assert (now["state"], now["jobs"]["running"], now["jobs"]["queued"]) == ("running", 1, 1)
    assert now["progress"] == {"epoch": 1, "epochs": 4, "fraction": 0.25}
    assert now["eta_seconds"] == 3 * 2.0
    assert now["started_at"] is not None
    assert (now["finished_at"], now["configurations"][0]["final"]["val_loss"]) == (None, None)


def test_a_sweep_counts_the_part_of_a_slow_epoch_that_is_over(client: TestClient, worker: FakeWorker) -> None:
    sweep = post_pair(client)
    worker.report(worker.claim(list_job_ids(sweep)[0]), 1, fraction=0.5, epoch_seconds=12.0)
    now = client.get(f"/v1/sweeps/{sweep['id']}").json()
    assert now["progress"] == {"epoch": 0, "epochs": 4, "fraction": 0.125}
    assert now["eta_seconds"] == (1.5 + 2) * 12


def test_the_state_follows_from_the_jobs(client: TestClient, app: FastAPI, worker: FakeWorker, train: Any) -> None:
    sweep = post_pair(client, activations=["relu", "gelu", "elu"])
    first, second, third = list_job_ids(sweep)

    def state() -> Any:
        return client.get(f"/v1/sweeps/{sweep['id']}").json()["state"]

    train(first, 0.1, 0.1)
    assert state() == "running"
    client.post(f"/v1/jobs/{second}/cancel")
    lease = worker.claim(third)
    with app.state.sessions.begin() as session:
        leases.fail(session, lease, Diverged())
    assert state() == "failed"
    client.delete(f"/v1/jobs/{third}")
    assert state() == "cancelled"
    client.delete(f"/v1/jobs/{second}")
    assert state() == "succeeded"
