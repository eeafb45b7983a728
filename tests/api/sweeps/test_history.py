"""A sweep's history as it is sent while it is read: whole, or visibly not."""

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from db import sweeps
from db.models import Job
from db.session import Sessions
from jobs.errors import DatabaseUnavailable
from tests.support.fake_worker import FakeWorker
from tests.support.serving import serve
from tests.support.submitting import post_sweep

FORMATS = ("json", "csv", "ndjson", "parquet")


@pytest.fixture
def sweep(client: TestClient, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Three jobs of two epochs, each read by itself."""
    monkeypatch.setattr(sweeps, "EPOCHS_AT_ONCE", 1)
    body = {"activations": ["relu", "gelu", "elu"], "base": {"epochs": 2}}
    created = post_sweep(client, **body)
    for row in created["configurations"]:
        worker.train(row["job_ids"][0], 0.1, float("inf"))
    return created


class AwayAfter(Sessions):
    """A database that is away after so many reads."""

    def __init__(self, sessions: Sessions, reads: int) -> None:
        super().__init__(sessions.engine)
        self.left = reads

    def read(self) -> Any:
        self.left -= 1
        if self.left < 0:
            raise DatabaseUnavailable
        return super().read()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("reads", [0, 1])
def test_an_outage_before_the_first_byte_is_an_error(
    app: FastAPI, client: TestClient, sweep: dict[str, Any], kind: str, reads: int
) -> None:
    app.state.sessions = AwayAfter(app.state.sessions, reads)
    answer = client.get(f"/v1/sweeps/{sweep['id']}/history?format={kind}")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")


@pytest.mark.parametrize("kind", FORMATS)
def test_an_outage_in_mid_stream_does_not_look_like_a_whole_file(
    app: FastAPI, sweep: dict[str, Any], kind: str
) -> None:
    """Parquet is sent when it is whole, so that it is an error still."""
    with serve(app) as url:
        app.state.sessions = AwayAfter(app.state.sessions, reads=3)
        path = f"{url}/v1/sweeps/{sweep['id']}/history?format={kind}"
        if kind == "parquet":
            assert httpx.get(path).status_code == 503
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                httpx.get(path)


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_a_job_that_is_deleted_meanwhile_is_there_as_a_whole_or_not_at_all(
    app: FastAPI, client: TestClient, sweep: dict[str, Any], kind: str
) -> None:
    ids = [row["job_ids"][0] for row in sweep["configurations"]]
    with app.state.sessions.read() as session:
        spec = sweeps.find_spec(session, sweep["id"])
        jobs = sweeps.list_jobs(session, sweep["id"], spec)
    reading = sweeps.histories(app.state.sessions, jobs, ["epoch"], after_epoch=0)
    first = next(reading)
    with app.state.sessions.begin() as session:
        session.delete(session.get(Job, ids[1]))
    found = [*first, *(pair for some in reading for pair in some)]
    assert [(job.id, len(epochs)) for job, epochs in found] == [(ids[0], 2), (ids[2], 2)]
    assert client.get(f"/v1/sweeps/{sweep['id']}/history?format={kind}").text.count(ids[1]) == 0


def test_no_transaction_is_open_while_the_client_reads(app: FastAPI, sweep: dict[str, Any]) -> None:
    with app.state.sessions.read() as session:
        jobs = sweeps.list_jobs(session, sweep["id"], sweeps.find_spec(session, sweep["id"]))
    reading = sweeps.histories(app.state.sessions, jobs, ["epoch"], after_epoch=0)
    next(reading)
    assert app.state.sessions.engine.pool.checkedout() == 0
    reading.close()


def test_figures_that_are_not_finite_are_marked_in_each_row(client: TestClient, sweep: dict[str, Any]) -> None:
    path = f"/v1/sweeps/{sweep['id']}/history"
    epochs = [epoch for job in client.get(path).json()["jobs"] for epoch in job["epochs"]]
    lines = [json.loads(line) for line in client.get(f"{path}?format=ndjson").text.splitlines()]
    for rows in (epochs, lines):
        assert [row.get("non_finite") for row in rows] == [None, {"/val_loss": "inf"}] * 3
        assert [row["val_loss"] for row in rows] == [0.1, None] * 3
    assert {row["recorded_at"][-8:][0] for row in epochs} == {"."}, "six digits and a Z"
