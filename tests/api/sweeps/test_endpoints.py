import asyncio
import csv
import io
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Thread
from typing import Any

import pytest
from arro3.io import read_parquet
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.streams.poller import EventPoller
from db import leases
from jobs.errors import Diverged
from tests.support.fake_worker import FakeWorker
from tests.support.sse import parse_events
from tests.support.submitting import post_sweep

PAIR = {"activations": ["relu", "gelu"], "base": {"epochs": 2}}


def submit(client: TestClient, **sweep: Any) -> dict[str, Any]:
    return post_sweep(client, **{**PAIR, **sweep})


def job_ids(sweep: dict[str, Any]) -> list[str]:
    """In the order of the table."""
    return [job_id for row in sweep["configurations"] for job_id in row["job_ids"]]


def of_job(found: Iterable[tuple[str, str, dict[str, Any]]], job_id: str) -> list[str]:
    return [kind for _, kind, data in found if data.get("job_id") == job_id]


@pytest.fixture
def train(worker: FakeWorker) -> Callable[..., None]:
    """Trains a job to its end: an epoch for each validation loss."""

    def trained(job_id: str, *val_losses: float, seconds: float = 2.0) -> None:
        lease = worker.claim(job_id)
        for epoch, val_loss in enumerate(val_losses, start=1):
            worker.record(lease, epoch, val_loss=val_loss, val_accuracy=1 - val_loss, epoch_seconds=seconds)
        worker.succeed(lease)

    return trained


# --- submit ---


def test_a_sweep_is_accepted_with_all_of_its_jobs(client: TestClient, queue: Any) -> None:
    response = client.post("/v1/sweeps", json={"base": {"epochs": 2, "metadata": {"note": "x"}}})
    sweep = response.json()
    assert (response.status_code, response.headers["Location"]) == (202, f"/v1/sweeps/{sweep['id']}")
    assert (sweep["state"], sweep["jobs"]["total"], sweep["jobs"]["queued"]) == ("queued", 6, 6)
    assert sweep["progress"] == {"epoch": 0, "epochs": 12, "fraction": 0.0}
    assert [row["activation"] for row in sweep["configurations"]] == sweep["spec"]["activations"]
    listed = client.get(f"/v1/jobs?sweep_id={sweep['id']}&sort=created_at").json()["data"]
    assert [job["id"] for job in listed] == job_ids(sweep) == queue.sent
    assert all(job["spec"]["metadata"] == {"note": "x"} for job in listed)
    assert client.get(response.headers["Location"]).json() == sweep


def test_a_quota_that_does_not_hold_all_takes_none(client: TestClient, queue: Any) -> None:
    submit(client, seeds=list(range(9)))
    response = client.post("/v1/sweeps", json={**PAIR, "seeds": [0, 1]})
    assert (response.status_code, response.json()["code"]) == (429, "too_many_jobs")
    assert int(response.headers["Retry-After"]) > 0
    assert len(client.get("/v1/jobs?limit=200").json()["data"]) == len(queue.sent) == 18
    assert len(client.get("/v1/sweeps").json()["data"]) == 1
    assert submit(client)["jobs"]["total"] == 2


def test_a_sweep_with_one_impossible_job_makes_none(client: TestClient) -> None:
    grid = {"optimizer.learning_rate": [0.1, -1], "dropout.dense": [2]}
    response = client.post("/v1/sweeps", json={**PAIR, "grid": grid})
    pointers = [error["pointer"] for error in response.json()["errors"]]
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert pointers == ["/grid/dropout.dense/0", "/grid/optimizer.learning_rate/1"]
    assert client.get("/v1/jobs").json()["data"] == client.get("/v1/sweeps").json()["data"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"seeds": list(range(86))}, ""),
        ({"seeds": []}, "/seeds"),
        ({"seeds": [1.5]}, "/seeds/0"),
        ({"grid": {"epochs": []}}, "/grid/epochs"),
        ({"grid": {"epochs": 3}}, "/grid/epochs"),
        ({"activations": "relu"}, "/activations"),
        ({"base": {"seed": 3}}, "/base/seed"),
        ({"base": {"optimizer": {"name": "x"}}}, "/base/optimizer/name"),
        ({"nothing": 1}, "/nothing"),
    ],
)
def test_a_bad_sweep_is_refused_at_its_field(client: TestClient, body: dict[str, Any], pointer: str) -> None:
    response = client.post("/v1/sweeps", json=body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == pointer


def test_a_number_that_is_not_finite_is_refused(client: TestClient) -> None:
    body = '{"grid": {"optimizer.learning_rate": [0.1, Infinity]}}'
    response = client.post("/v1/sweeps", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/grid/optimizer.learning_rate/1"


def test_the_same_idempotency_key_answers_the_first_sweep(client: TestClient, queue: Any) -> None:
    headers = {"Idempotency-Key": "k"}
    first = client.post("/v1/sweeps", json=PAIR, headers=headers)
    second = client.post("/v1/sweeps", json={**PAIR, "seeds": [0], "base": {"epochs": 2, "clip": {}}}, headers=headers)
    assert (second.status_code, second.json()["id"]) == (202, first.json()["id"])
    assert ("Idempotency-Replayed" in first.headers, second.headers["Idempotency-Replayed"]) == (False, "true")
    assert len(queue.sent) == 2
    other = client.post("/v1/sweeps", json={**PAIR, "seeds": [1]}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")


@pytest.mark.parametrize(
    "other",
    [{"grid": {"epochs": [2]}}, {"base": {}, "grid": {"epochs": [2]}}, {"base": {}}, {"activations": ["gelu", "relu"]}],
)
def test_a_sweeps_key_with_another_body_is_refused(client: TestClient, other: dict[str, Any]) -> None:
    """Also where its jobs would come to the same."""
    for body, status in ((PAIR, 202), ({**PAIR, **other}, 422)):
        response = client.post("/v1/sweeps", json=body, headers={"Idempotency-Key": "k"})
        assert response.status_code == status
    assert response.json()["code"] == "idempotency_conflict"


def test_simultaneous_posts_with_one_key_make_one_sweep(client: TestClient) -> None:
    def post(_: int) -> str:
        response = client.post("/v1/sweeps", json=PAIR, headers={"Idempotency-Key": "k"})
        assert response.status_code == 202
        return str(response.json()["id"])

    with ThreadPoolExecutor(8) as pool:
        assert len({*pool.map(post, range(50))}) == 1
    assert len(client.get("/v1/jobs").json()["data"]) == 2


def test_simultaneous_sweeps_do_not_exceed_the_quota_together(client: TestClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda _: client.post("/v1/sweeps", json={**PAIR, "seeds": [0, 1, 2]}), range(8))]
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 5
    assert len(client.get("/v1/jobs?limit=200").json()["data"]) == 18


def test_512_jobs_are_accepted_at_once(client: TestClient, app: FastAPI, queue: Any) -> None:
    app.state.settings = app.state.settings.model_copy(update={"max_unfinished_jobs": 512})
    sweep = submit(client, activations=["relu"], seeds=list(range(512)))
    assert len({*queue.sent}) == sweep["jobs"]["queued"] == 512
    assert client.post(f"/v1/sweeps/{sweep['id']}/cancel").json()["jobs"]["cancelled"] == 512


# --- how it stands ---


def test_a_sweep_shows_how_far_it_is(client: TestClient, worker: FakeWorker) -> None:
    sweep = submit(client)
    worker.record(worker.claim(job_ids(sweep)[0]), 1)
    now = client.get(f"/v1/sweeps/{sweep['id']}").json()
    assert (now["state"], now["jobs"]["running"], now["jobs"]["queued"]) == ("running", 1, 1)
    assert now["progress"] == {"epoch": 1, "epochs": 4, "fraction": 0.25}
    assert now["eta_seconds"] == 3 * 2.0
    assert now["started_at"] is not None
    assert (now["finished_at"], now["configurations"][0]["final"]["val_loss"]) == (None, None)


def test_the_table_has_mean_and_interval_over_the_seeds(client: TestClient, train: Any) -> None:
    sweep = submit(client, seeds=[0, 1])
    relu, gelu = sweep["configurations"]
    train(relu["job_ids"][0], 0.2, 0.4, seconds=2.0)
    train(relu["job_ids"][1], 0.3, 0.6, seconds=2.0)
    train(gelu["job_ids"][0], 0.1, 0.1, seconds=3.0)
    now = client.get(f"/v1/sweeps/{sweep['id']}").json()
    relu, gelu = now["configurations"]
    final, best = relu["final"]["val_loss"], relu["best"]["val_loss"]
    assert (final["mean"], best["mean"], final["n"]) == (0.5, 0.25, 2)
    reach = 12.7062047 * 0.1  # t for one degree of freedom; the standard error is half the difference
    assert final["interval"] == pytest.approx([0.5 - reach, 0.5 + reach], rel=1e-6)
    assert relu["best"]["val_accuracy"]["mean"] == pytest.approx(0.75)
    assert gelu["final"]["val_loss"] == {"mean": 0.1, "interval": None, "n": 1}
    assert (relu["ratio_to_relu"], gelu["ratio_to_relu"], gelu["epoch_seconds"]["mean"]) == (1.0, 1.5, 3.0)
    assert gelu["test"]["accuracy"]["mean"] == 0.9
    assert gelu["jobs"]["queued"] == 1


def test_each_point_of_the_grid_is_a_row_with_its_own_relu(client: TestClient, train: Any) -> None:
    sweep = submit(client, grid={"batch_size": [64, 128]})
    for row in sweep["configurations"]:
        slow = (row["values"]["batch_size"] == 64) + (row["activation"] == "gelu")
        train(row["job_ids"][0], 0.1, 0.1, seconds=2.0**slow)
    rows = client.get(f"/v1/sweeps/{sweep['id']}").json()["configurations"]
    assert [(row["activation"], row["values"]["batch_size"], row["ratio_to_relu"]) for row in rows] == [
        ("relu", 64, 1.0),
        ("gelu", 64, 2.0),
        ("relu", 128, 1.0),
        ("gelu", 128, 2.0),
    ]


# JSONB stores batch_size before optimizer.learning_rate, whatever the order of the request.
REORDERED = {"optimizer.learning_rate": [0.001, 0.01], "batch_size": [64, 128]}


def test_every_answer_names_the_values_that_a_job_is_trained_with(client: TestClient, train: Any) -> None:
    sweep = submit(client, grid=REORDERED, base={"protocol": "article", "epochs": 1})
    trained = {}
    for number, job_id in enumerate(job_ids(sweep), start=1):
        train(job_id, number / 10, seconds=float(number))
        spec = client.get(f"/v1/jobs/{job_id}").json()["spec"]
        trained[job_id] = (spec["activation"], spec["optimizer"]["learning_rate"], spec["batch_size"])
    path = f"/v1/sweeps/{sweep['id']}"

    def named(row: dict[str, Any]) -> tuple[str, float, int]:
        return row["activation"], row["values"]["optimizer.learning_rate"], row["values"]["batch_size"]

    now = client.get(path).json()
    assert list(now["spec"]["grid"]) == list(REORDERED)
    assert {row["job_ids"][0]: named(row) for row in now["configurations"]} == trained
    assert [row["ratio_to_relu"] for row in now["configurations"]] == [1, 2 / 1, 1, 4 / 3, 1, 6 / 5, 1, 8 / 7]
    history = client.get(f"{path}/history").json()["jobs"]
    assert {job["job_id"]: named(job) for job in history} == trained
    rows = list(csv.DictReader(io.StringIO(client.get(f"{path}/history?format=csv").text)))
    columns = ("activation", "values.optimizer.learning_rate", "values.batch_size")
    assert list(rows[0])[3:5] == list(columns[1:])
    found = {row["job_id"]: tuple(row[column] for column in columns) for row in rows}
    assert found == {job_id: tuple(map(str, values)) for job_id, values in trained.items()}
    beside = client.get(f"{path}/published?format=csv").text.splitlines()
    ours = {row["mean"]: row for row in csv.DictReader(beside) if row["metric"] == "val_loss"}
    gelu = [job_id for job_id in trained if trained[job_id][0] == "gelu"]
    assert {tuple(ours[f"{number / 5}"][column] for column in columns) for number in range(1, 5)} == {
        found[job_id] for job_id in gelu
    }
    drawn = client.get(f"{path}/plot.svg").text
    assert "relu, optimizer.learning_rate 0.01, batch_size 64" in drawn
    best = now["best"]["val_loss"]
    assert (best["value"], best["job_id"], named(best)) == (0.1, job_ids(sweep)[0], ("relu", 0.001, 64))


def test_a_figure_that_is_not_finite_says_so(client: TestClient, train: Any) -> None:
    sweep = submit(client, activations=["gelu"], base={"epochs": 1})
    train(job_ids(sweep)[0], float("inf"))
    final = client.get(f"/v1/sweeps/{sweep['id']}").json()["configurations"][0]["final"]["val_loss"]
    assert final == {"mean": None, "interval": None, "n": 1, "non_finite": {"/mean": "inf"}}


def test_the_best_figures_are_those_of_all_jobs_that_have_any(client: TestClient, worker: FakeWorker) -> None:
    sweep = submit(client, activations=["sigmoid", "relu", "gelu"], base={"epochs": 3}, grid={"batch_size": [64]})
    sigmoid, relu, gelu = job_ids(sweep)
    assert sweep["best"] == {"val_loss": None, "val_accuracy": None, "val_binary_accuracy": None}

    def record(lease: Any, epoch: int, val_loss: float, val_accuracy: float) -> None:
        worker.record(lease, epoch, val_loss=val_loss, val_accuracy=val_accuracy)

    held = {job_id: worker.claim(job_id) for job_id in (sigmoid, relu, gelu)}
    record(held[sigmoid], 1, 0.3, 0.105)
    record(held[relu], 1, 0.1, 0.9)
    record(held[relu], 2, 0.2, 0.9083)
    record(held[gelu], 1, float("inf"), 0.1)
    worker.cancel(held[relu])
    now = client.get(f"/v1/sweeps/{sweep['id']}").json()
    of_relu = {"job_id": relu, "activation": "relu", "seed": 0, "values": {"batch_size": 64}}
    assert now["best"]["val_accuracy"] == {"value": 0.9083, **of_relu}
    assert now["best"]["val_loss"] == {"value": 0.1, **of_relu}
    row = now["configurations"][1]
    assert (row["best"]["val_accuracy"]["mean"], row["best"]["val_accuracy"]["n"]) == (0.9083, 1)
    assert row["final"]["val_accuracy"] is None, "it did not come to its last epoch"


def test_the_state_follows_from_the_jobs(client: TestClient, app: FastAPI, worker: FakeWorker, train: Any) -> None:
    sweep = submit(client, activations=["relu", "gelu", "elu"])
    first, second, third = job_ids(sweep)

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


def test_a_retry_is_a_job_outside_the_sweep(client: TestClient) -> None:
    sweep = submit(client)
    client.post(f"/v1/sweeps/{sweep['id']}/cancel")
    again = client.post(f"/v1/jobs/{job_ids(sweep)[0]}/retry").json()
    assert again["sweep_id"] is None
    assert client.get(f"/v1/sweeps/{sweep['id']}").json()["jobs"] == {
        "total": 2, "queued": 0, "running": 0, "succeeded": 0, "failed": 0, "cancelled": 2,
    }  # fmt: skip


def test_a_sweep_goes_with_its_last_job(client: TestClient) -> None:
    sweep = submit(client)
    client.post(f"/v1/sweeps/{sweep['id']}/cancel")
    first, second = job_ids(sweep)
    client.delete(f"/v1/jobs/{first}")
    assert client.get(f"/v1/sweeps/{sweep['id']}").json()["jobs"]["total"] == 1
    client.delete(f"/v1/jobs/{second}")
    assert client.get(f"/v1/sweeps/{sweep['id']}").json()["code"] == "sweep_not_found"


def test_sweeps_are_listed_page_by_page(client: TestClient) -> None:
    created = [submit(client)["id"] for _ in range(5)]
    found, query = [], "limit=2"
    while True:
        page = client.get(f"/v1/sweeps?{query}").json()
        found += [sweep["id"] for sweep in page["data"]]
        if page["next_cursor"] is None:
            break
        query = f"limit=2&cursor={page['next_cursor']}"
    assert found == created[::-1]


@pytest.mark.parametrize(("query", "status"), [("cursor=x", 400), ("limit=0", 422), ("limit=201", 422)])
def test_a_bad_listing_is_refused(client: TestClient, query: str, status: int) -> None:
    assert client.get(f"/v1/sweeps?{query}").status_code == status


@pytest.mark.parametrize("path", ["", "/history", "/stream", "/cancel"])
@pytest.mark.parametrize("sweep_id", ["none", "%F0%9F%92%A5", "%00"])
def test_a_sweep_that_does_not_exist_is_not_found(client: TestClient, path: str, sweep_id: str) -> None:
    response = client.request("POST" if path == "/cancel" else "GET", f"/v1/sweeps/{sweep_id}{path}")
    expected = (422, "invalid_request") if sweep_id == "%00" else (404, "sweep_not_found")
    assert (response.status_code, response.json()["code"]) == expected


# --- cancel ---


def test_a_cancelled_sweep_stops_what_waits_and_asks_what_trains(client: TestClient, worker: FakeWorker) -> None:
    sweep = submit(client)
    lease = worker.claim(job_ids(sweep)[0])
    cancelled = client.post(f"/v1/sweeps/{sweep['id']}/cancel")
    assert cancelled.status_code == 202
    assert (cancelled.json()["jobs"]["running"], cancelled.json()["jobs"]["cancelled"]) == (1, 1)
    assert client.get(f"/v1/jobs/{lease.job_id}").json()["cancel_requested_at"] is not None
    worker.cancel(lease)
    again = client.post(f"/v1/sweeps/{sweep['id']}/cancel")
    assert (again.status_code, again.json()["state"]) == (202, "cancelled")


def test_a_finished_sweep_cannot_be_cancelled(client: TestClient, train: Any) -> None:
    sweep = submit(client)
    for job_id in job_ids(sweep):
        train(job_id, 0.1, 0.1)
    response = client.post(f"/v1/sweeps/{sweep['id']}/cancel")
    assert (response.status_code, response.json()["code"]) == (409, "sweep_finished")


# --- history ---


def test_every_format_of_the_history_says_the_same(client: TestClient, train: Any) -> None:
    sweep = submit(client, seeds=[7], grid={"optimizer.learning_rate": [0.1], "loss": ["cross_entropy"]})
    for number, job_id in enumerate(job_ids(sweep)):
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
    assert [row["job_id"] for row in rows[::2]] == job_ids(sweep)
    of_job = client.get(f"/v1/jobs/{job_ids(sweep)[0]}/history").json()["epochs"]
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
    sweep = submit(client, activations=["relu"], grid=TYPED, base={"epochs": 1})
    for job_id in job_ids(sweep):
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
    response = client.get(f"/v1/sweeps/{submit(client)['id']}/history?format={kind}")
    assert response.status_code == 200
    if kind == "csv":
        assert response.text.startswith("job_id,activation,seed,epoch,attempt,loss")


# --- the stream ---


@pytest.fixture
def ended(client: TestClient, worker: FakeWorker) -> dict[str, Any]:
    """Its jobs trained at the same time, an epoch of each in turn."""
    sweep = submit(client, activations=["relu", "gelu", "elu"])
    first, second, third = job_ids(sweep)
    one, two = worker.claim(first), worker.claim(second)
    worker.record(one, 1)
    worker.record(two, 1)
    worker.record(one, 2)
    worker.cancel(two)
    worker.cancel(one)
    client.post(f"/v1/jobs/{third}/cancel")
    return sweep


def test_the_stream_tells_all_of_every_job_in_order_and_ends(client: TestClient, ended: dict[str, Any]) -> None:
    found = parse_events(client.get(f"/v1/sweeps/{ended['id']}/stream").text)
    first, second, third = job_ids(ended)
    assert of_job(found, first) == ["state", "state", "epoch", "epoch", "state", "end"]
    assert of_job(found, second) == ["state", "state", "epoch", "state", "end"]
    assert of_job(found, third) == ["state", "state", "end"]
    last_id, kind, data = found[-1]
    assert (kind, data["state"], data["jobs"]["cancelled"]) == ("sweep_end", "cancelled", 3)
    assert last_id == "6.5.3.end"


def test_an_event_is_that_of_the_jobs_own_stream(client: TestClient, ended: dict[str, Any]) -> None:
    first = job_ids(ended)[0]
    of_sweep = [data for _, _, data in parse_events(client.get(f"/v1/sweeps/{ended['id']}/stream").text)]
    of_job = [data for _, _, data in parse_events(client.get(f"/v1/jobs/{first}/stream").text)]
    mine = [data for data in of_sweep if data.get("job_id") == first]
    assert mine == [{**data, "job_id": first, "activation": "relu"} for data in of_job]


def test_a_reconnect_after_any_event_gets_exactly_what_was_missed(client: TestClient, ended: dict[str, Any]) -> None:
    path = f"/v1/sweeps/{ended['id']}/stream"
    whole = parse_events(client.get(path).text)
    for index, (event_id, _, _) in enumerate(whole[:-1]):
        missed = whole[index + 1 :]
        assert parse_events(client.get(path, headers={"Last-Event-ID": event_id}).text) == missed
        assert parse_events(client.get(path, params={"after": event_id}).text) == missed
    after_all = client.get(path, headers={"Last-Event-ID": whole[-1][0]})
    assert (after_all.status_code, after_all.content) == (204, b"")


@pytest.mark.parametrize("seen", ["x", "-1", "1.", "1x", "1x0", "²", "end", "1.1.1.end.1"])
def test_an_event_id_that_is_none_is_refused(client: TestClient, ended: dict[str, Any], seen: str) -> None:
    response = client.get(f"/v1/sweeps/{ended['id']}/stream", headers={"Last-Event-ID": seen.encode()})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/Last-Event-ID")


@pytest.mark.parametrize("seen", ["1", "1.1.1.1", "1x4", "1x999.1", "0.99.0", "99x3", "99x3.end", "1x4.end"])
def test_after_events_that_are_not_there_a_sweeps_client_starts_over(
    client: TestClient, ended: dict[str, Any], seen: str
) -> None:
    path = f"/v1/sweeps/{ended['id']}/stream"
    whole = parse_events(client.get(path).text)
    (event_id, kind, data), *rest = parse_events(client.get(path, headers={"Last-Event-ID": seen}).text)
    assert (event_id, kind, list(data)) == ("0x3", "reset", ["reason"])
    assert rest == whole
    assert parse_events(client.get(path, headers={"Last-Event-ID": event_id}).text) == whole


def test_concurrent_jobs_lose_no_event_and_none_comes_twice(
    client: TestClient, train: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.streams.sweep.EVENTS_AT_ONCE", 3)
    sweep = submit(client, activations=["relu"], seeds=list(range(8)), base={"epochs": 5})
    workers = [Thread(target=train, args=(job_id, *[0.1] * 5)) for job_id in job_ids(sweep)]
    for worker in workers:
        worker.start()
    found = parse_events(client.get(f"/v1/sweeps/{sweep['id']}/stream").text)
    for worker in workers:
        worker.join()
    for job_id in job_ids(sweep):
        assert of_job(found, job_id) == ["state", "state", *["epoch"] * 5, "state", "end"]
    assert found[-1][1:] == ("sweep_end", {"state": "succeeded", "jobs": {**counts(succeeded=8)}})
    assert all(earlier[0] != later[0] for earlier, later in pairwise(found))


def counts(**states: int) -> dict[str, int]:
    every = dict.fromkeys(["queued", "running", "succeeded", "failed", "cancelled"], 0)
    return {"total": sum(states.values()), **every, **states}


def test_a_listener_is_woken_by_any_one_of_its_jobs(client: TestClient, app: FastAPI) -> None:
    first, second = job_ids(submit(client))

    async def listen() -> bool:
        listening = asyncio.create_task(EventPoller(app.state.sessions).wait_any({first: 1, second: 1}))
        await asyncio.sleep(0.5)
        assert not listening.done()
        await asyncio.to_thread(client.post, f"/v1/jobs/{second}/cancel")
        return await asyncio.wait_for(listening, 5)

    assert asyncio.run(listen())


def test_a_job_deleted_while_the_stream_runs_does_not_stop_it(client: TestClient, worker: FakeWorker) -> None:
    sweep = submit(client)
    first, second = job_ids(sweep)
    client.post(f"/v1/jobs/{first}/cancel")
    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(client.get, f"/v1/sweeps/{sweep['id']}/stream")
        client.delete(f"/v1/jobs/{first}")
        lease = worker.claim(second)
        worker.record(lease, 1)
        worker.cancel(lease)
        found = parse_events(listening.result().text)
    assert of_job(found, second) == ["state", "state", "epoch", "state", "end"]
    assert found[-1][2]["jobs"] == counts(cancelled=1)
