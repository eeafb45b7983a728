"""Sweeps submitted, listed and cancelled over HTTP."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.support.fake_worker import FakeWorker
from tests.support.submitting import PAIR, list_job_ids, post_pair


def test_a_sweep_is_accepted_with_all_of_its_jobs(client: TestClient, hints: Any) -> None:
    response = client.post("/v1/sweeps", json={"base": {"epochs": 2, "metadata": {"note": "x"}}})
    sweep = response.json()
    assert (response.status_code, response.headers["Location"]) == (202, f"/v1/sweeps/{sweep['id']}")
    assert (sweep["state"], sweep["jobs"]["total"], sweep["jobs"]["queued"]) == ("queued", 6, 6)
    assert sweep["progress"] == {"epoch": 0, "epochs": 12, "fraction": 0.0}
    assert [row["activation"] for row in sweep["configurations"]] == sweep["spec"]["activations"]
    listed = client.get(f"/v1/jobs?sweep_id={sweep['id']}&sort=created_at").json()["data"]
    assert [job["id"] for job in listed] == list_job_ids(sweep) == hints.sent
    assert all(job["spec"]["metadata"] == {"note": "x"} for job in listed)
    assert client.get(response.headers["Location"]).json() == sweep


def test_a_quota_that_does_not_hold_all_takes_none(client: TestClient, hints: Any) -> None:
    post_pair(client, seeds=list(range(9)))
    response = client.post("/v1/sweeps", json={**PAIR, "seeds": [0, 1]})
    assert (response.status_code, response.json()["code"]) == (429, "too_many_jobs")
    assert int(response.headers["Retry-After"]) > 0
    assert len(client.get("/v1/jobs?limit=200").json()["data"]) == len(hints.sent) == 18
    assert len(client.get("/v1/sweeps").json()["data"]) == 1
    assert post_pair(client)["jobs"]["total"] == 2


def test_a_sweep_with_one_impossible_job_makes_none(client: TestClient) -> None:
    grid = {"optimizer.learning_rate": [0.1, -1], "dropout.dense": [2]}
    response = client.post("/v1/sweeps", json={**PAIR, "grid": grid})
    pointers = [error["pointer"] for error in response.json()["errors"]]
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert pointers == ["/grid/dropout.dense/0"]
    assert client.get("/v1/jobs").json()["data"] == client.get("/v1/sweeps").json()["data"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"seeds": [0, -1]}, "/seeds/1"),
        ({"seeds": [0, 2**32]}, "/seeds/1"),
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


def test_the_same_idempotency_key_answers_the_first_sweep(client: TestClient, hints: Any) -> None:
    headers = {"Idempotency-Key": "k"}
    first = client.post("/v1/sweeps", json=PAIR, headers=headers)
    second = client.post("/v1/sweeps", json={**PAIR, "seeds": [0], "base": {"epochs": 2, "clip": {}}}, headers=headers)
    assert (second.status_code, second.json()["id"]) == (202, first.json()["id"])
    assert ("Idempotency-Replayed" in first.headers, second.headers["Idempotency-Replayed"]) == (False, "true")
    assert len(hints.sent) == 2
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


def test_512_jobs_are_accepted_at_once(client: TestClient, app: FastAPI, hints: Any) -> None:
    app.state.settings = app.state.settings.model_copy(update={"max_unfinished_jobs": 512})
    sweep = post_pair(client, activations=["relu"], seeds=list(range(512)))
    assert len({*hints.sent}) == sweep["jobs"]["queued"] == 512
    assert client.post(f"/v1/sweeps/{sweep['id']}/cancel").json()["jobs"]["cancelled"] == 512


# JSONB stores batch_size before optimizer.learning_rate, whatever the order of the request.
REORDERED = {"optimizer.learning_rate": [0.001, 0.01], "batch_size": [64, 128]}


def test_every_answer_names_the_values_that_a_job_is_trained_with(client: TestClient, train: Any) -> None:
    sweep = post_pair(client, grid=REORDERED, base={"protocol": "article", "epochs": 1})
    trained = {}
    for number, job_id in enumerate(list_job_ids(sweep), start=1):
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
    assert (best["value"], best["job_id"], named(best)) == (0.1, list_job_ids(sweep)[0], ("relu", 0.001, 64))


def test_a_retry_is_a_job_outside_the_sweep(client: TestClient) -> None:
    sweep = post_pair(client)
    client.post(f"/v1/sweeps/{sweep['id']}/cancel")
    again = client.post(f"/v1/jobs/{list_job_ids(sweep)[0]}/retry").json()
    assert again["sweep_id"] is None
    assert client.get(f"/v1/sweeps/{sweep['id']}").json()["jobs"] == {
        "total": 2, "queued": 0, "running": 0, "succeeded": 0, "failed": 0, "cancelled": 2,
    }  # fmt: skip


def test_a_sweep_goes_with_its_last_job(client: TestClient) -> None:
    sweep = post_pair(client)
    client.post(f"/v1/sweeps/{sweep['id']}/cancel")
    first, second = list_job_ids(sweep)
    client.delete(f"/v1/jobs/{first}")
    assert client.get(f"/v1/sweeps/{sweep['id']}").json()["jobs"]["total"] == 1
    client.delete(f"/v1/jobs/{second}")
    assert client.get(f"/v1/sweeps/{sweep['id']}").json()["code"] == "sweep_not_found"


def test_sweeps_are_listed_page_by_page(client: TestClient) -> None:
    created = [post_pair(client)["id"] for _ in range(5)]
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


def test_a_cancelled_sweep_stops_what_waits_and_asks_what_trains(client: TestClient, worker: FakeWorker) -> None:
    sweep = post_pair(client)
    lease = worker.claim(list_job_ids(sweep)[0])
    cancelled = client.post(f"/v1/sweeps/{sweep['id']}/cancel")
    assert cancelled.status_code == 202
    assert (cancelled.json()["jobs"]["running"], cancelled.json()["jobs"]["cancelled"]) == (1, 1)
    assert client.get(f"/v1/jobs/{lease.job_id}").json()["cancel_requested_at"] is not None
    worker.cancel(lease)
    again = client.post(f"/v1/sweeps/{sweep['id']}/cancel")
    assert (again.status_code, again.json()["state"]) == (202, "cancelled")


def test_a_finished_sweep_cannot_be_cancelled(client: TestClient, train: Any) -> None:
    sweep = post_pair(client)
    for job_id in list_job_ids(sweep):
        train(job_id, 0.1, 0.1)
    response = client.post(f"/v1/sweeps/{sweep['id']}/cancel")
    assert (response.status_code, response.json()["code"]) == (409, "sweep_finished")
