"""A sweep's history as it is sent while it is read: whole, or visibly not."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from arro3.io import read_parquet
from fastapi import FastAPI
from starlette.testclient import TestClient

from db import sweep_histories, sweep_results, sweeps
from db.models import Job
from db.session import Sessions
from jobs.errors import DatabaseUnavailable
from tests.support.fake_worker import FakeWorker
from tests.support.serving import serve
from tests.support.submitting import list_job_ids, post_pair, post_sweep

FORMATS = ("json", "csv", "ndjson", "parquet")


@pytest.fixture
def sweep(client: TestClient, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Three jobs of two epochs, each read by itself."""
    monkeypatch.setattr(sweep_histories, "EPOCHS_AT_ONCE", 1)
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
        jobs = sweep_results.list_jobs(session, sweep["id"], spec)
    reading = sweep_histories.read(app.state.sessions, jobs, ["epoch"], after_epoch=0)
    first = next(reading)
    with app.state.sessions.begin() as session:
        session.delete(session.get(Job, ids[1]))
    found = [*first, *(pair for some in reading for pair in some)]
    assert [(job.id, len(epochs)) for job, epochs in found] == [(ids[0], 2), (ids[2], 2)]
    assert client.get(f"/v1/sweeps/{sweep['id']}/history?format={kind}").text.count(ids[1]) == 0


def test_no_transaction_is_open_while_the_client_reads(app: FastAPI, sweep: dict[str, Any]) -> None:
    with app.state.sessions.read() as session:
        jobs = sweep_results.list_jobs(session, sweep["id"], sweeps.find_spec(session, sweep["id"]))
    reading = sweep_histories.read(app.state.sessions, jobs, ["epoch"], after_epoch=0)
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


def of_job(found: Iterable[tuple[str, str, dict[str, Any]]], job_id: str) -> list[str]:
    return [kind for _, kind, data in found if data.get("job_id") == job_id]


def test_every_format_of_the_history_says_the_same(client: TestClient, train: Any) -> None:
    sweep = post_pair(client, seeds=[7], grid={"optimizer.learning_rate": [0.1], "loss": ["cross_entropy"]})
    for number, job_id in enumerate(list_job_ids(sweep)):
        train(job_id, 1 / 3, 0.1 + number)
    path = f"/v1/sweeps/{sweep['id']}/history"
    answer = client.get(path).json()
    rows = list(csv.DictReader(io.StringIO(client.get(f"{path}?format=csv").text)))
    lines = [json.loads(line) for line in client.get(f"{path}?format=ndjson").text.splitlines()]
    table = read_parquet(io.BytesIO(client.get(f"{path}?format=parquet").content)).read_all()
    assert [(job["activation"], job["seed"], len(job["epochs"])) for job in answer["jobs"]] == [
        ("relu", 7, 2),
        ("gelu", 7, 2),
    ]
    expected = [epoch["val_loss"] for job in answer["jobs"] for epoch in job["epochs"]]
    assert expected == [1 / 3, 0.1, 1 / 3, 1.1]
    assert [float(row["val_loss"]) for row in rows] == expected
    assert [line["val_loss"] for line in lines] == expected
    assert table["val_loss"].to_pylist() == expected
    assert (rows[0]["values.optimizer.learning_rate"], rows[0]["values.loss"]) == ("0.1", "cross_entropy")
    assert answer["jobs"][0]["values"] == {"optimizer.learning_rate": 0.1, "loss": "cross_entropy"}
    assert [row["job_id"] for row in rows[::2]] == list_job_ids(sweep)
    of_job = client.get(f"/v1/jobs/{list_job_ids(sweep)[0]}/history").json()["epochs"]
    assert answer["jobs"][0]["epochs"] == of_job
    later = client.get(f"{path}?after_epoch=1").json()["jobs"]
    assert [[epoch["epoch"] for epoch in job["epochs"]] for job in later] == [[2], [2]]


TYPED = {
    "batch_size": [128, 64],
    "train_samples": [1000, None],
    "optimizer.learning_rate": [1, 0.5],
    "diagnostics": [False],
    "clip": [{"threshold": 1}, None],
    "loss": ["cross_entropy"],
}


def test_the_types_of_a_grid_survive_in_every_format(client: TestClient, worker: FakeWorker) -> None:
    sweep = post_pair(client, activations=["relu"], grid=TYPED, base={"epochs": 1})
    for job_id in list_job_ids(sweep):
        worker.record(worker.claim(job_id), 1)
    path = f"/v1/sweeps/{sweep['id']}/history"
    asked = [job["values"] for job in client.get(path).json()["jobs"]]
    assert asked[1] == {
        "batch_size": 128, "train_samples": 1000, "optimizer.learning_rate": 1, "diagnostics": False, "clip": None,
        "loss": "cross_entropy",
    }  # fmt: skip
    lines = [json.loads(line) for line in client.get(f"{path}?format=ndjson").text.splitlines()]
    assert [{path: line[f"values.{path}"] for path in TYPED} for line in lines] == asked
    assert [repr(lines[0][f"values.{path}"]) for path in ("batch_size", "optimizer.learning_rate")] == ["128", "1.0"]
    rows = list(csv.DictReader(io.StringIO(client.get(f"{path}?format=csv").text)))
    assert [rows[0][f"values.{path}"] for path in TYPED] == [
        "128", "1000", "1.0", "false", '{"threshold": 1}', "cross_entropy"
    ]  # fmt: skip
    assert [rows[7][f"values.{path}"] for path in ("train_samples", "clip")] == ["", ""]
    table = read_parquet(io.BytesIO(client.get(f"{path}?format=parquet").content)).read_all()
    kinds = [str(table.schema.field(f"values.{path}").type) for path in TYPED]
    assert [kind.rsplit("<")[-1].rstrip(">\n") for kind in kinds] == [
        "Int64", "Int64", "Float64", "Boolean", "Utf8", "Utf8"
    ]  # fmt: skip
    assert table["values.train_samples"].to_pylist() == [found["train_samples"] for found in asked]
    drawn = client.get(f"/v1/sweeps/{sweep['id']}/plot.svg").text
    assert "relu, batch_size 64, train_samples null" in drawn  # what follows is cut: it is too long for a legend


@pytest.mark.parametrize("kind", ["json", "csv", "ndjson", "parquet"])
def test_a_history_without_an_epoch_is_empty(client: TestClient, kind: str) -> None:
    response = client.get(f"/v1/sweeps/{post_pair(client)['id']}/history?format={kind}")
    assert response.status_code == 200
    if kind == "csv":
        assert response.text.startswith("job_id,activation,seed,epoch,attempt,loss")
