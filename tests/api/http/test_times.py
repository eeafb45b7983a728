"""Times have one form wherever they are told: one without a fraction would make a column of them text."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from starlette.testclient import TestClient

from db.models import Checkpoint, Epoch, Event, Job, Sweep, Worker
from tests.support.fake_worker import FakeWorker

WHOLE_SECOND = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
TIME = re.compile(r"\d{4}-\d\d-\d\dT[^\",\s]*")


@pytest.fixture
def sweep(app: FastAPI, client: TestClient, worker: FakeWorker) -> dict[str, Any]:
    """One job with a checkpoint and a worker, everything at a whole second."""
    body = {"activations": ["relu"], "base": {"epochs": 2}}
    created: dict[str, Any] = client.post("/v1/sweeps", json=body).raise_for_status().json()
    lease = worker.claim(created["configurations"][0]["job_ids"][0])
    worker.checkpoint(lease, 1)
    worker.cancel(lease)
    client.post("/v1/jobs/" + lease.job_id + "/cancel")
    with app.state.sessions.begin() as session:
        session.add(Worker(id="w", device="cpu", started_at=WHOLE_SECOND, last_seen_at=datetime.now(UTC)))
        columns = ("created_at", "started_at", "finished_at", "cancel_requested_at")
        session.execute(update(Job).values(dict.fromkeys(columns, WHOLE_SECOND)))
        session.execute(update(Sweep).values(created_at=WHOLE_SECOND))
        session.execute(update(Epoch).values(recorded_at=WHOLE_SECOND))
        session.execute(update(Event).values(at=WHOLE_SECOND))
        session.execute(update(Checkpoint).values(created_at=WHOLE_SECOND))
    return created


def test_a_whole_second_keeps_its_fraction_in_every_answer(client: TestClient, sweep: dict[str, Any]) -> None:
    job, own = f"/v1/jobs/{sweep['configurations'][0]['job_ids'][0]}", f"/v1/sweeps/{sweep['id']}"
    paths = [
        *("/v1/jobs", job, f"{job}/stream", f"{job}/checkpoints", "/v1/workers", "/v1/sweeps", own, f"{own}/stream"),
        *(f"{path}/history?format={kind}" for path in (job, own) for kind in ("json", "csv", "ndjson")),
    ]
    for path in paths:
        found = TIME.findall(client.get(path).text)
        assert found, path
        assert all(re.fullmatch(r"[\dT:-]{19}\.\d{6}Z", time) for time in found), (path, found)
