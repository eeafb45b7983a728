"""Several streams over one connection."""

from threading import Timer
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from api.streams.several import MAX_STREAMS
from db import jobs
from tests.support.fake_worker import FakeWorker
from tests.support.sse import Events, parse_events
from tests.support.submitting import post_job


def ended_job(client: TestClient, worker: FakeWorker, *, epochs: int = 2) -> str:
    job_id = str(post_job(client, epochs=5)["id"])
    lease = worker.claim(job_id)
    for epoch in range(1, epochs + 1):
        worker.record(lease, epoch)
    worker.cancel(lease)
    return job_id


def ended_sweep(client: TestClient, worker: FakeWorker) -> str:
    body = {"base": {"epochs": 2}, "activations": ["relu", "gelu"]}
    sweep_id = str(client.post("/v1/sweeps", json=body).json()["id"])
    for job in client.get("/v1/jobs", params={"sweep_id": sweep_id}).json()["data"]:
        lease = worker.claim(job["id"])
        worker.record(lease, 1)
        worker.cancel(lease)
    return sweep_id


@pytest.fixture
def several(client: TestClient, worker: FakeWorker) -> str:
    """The path of a stream of two jobs and a sweep, all ended."""
    jobs = [ended_job(client, worker), ended_job(client, worker, epochs=1)]
    return f"/v1/stream?jobs={','.join(jobs)}&sweeps={ended_sweep(client, worker)}"


def of_stream(found: Events, place: int) -> list[tuple[str, dict[str, Any]]]:
    """Kind and data of the events of one stream, without what says which it is."""
    return [
        (kind, {name: value for name, value in data.items() if name not in {"stream", "sweep_id"}})
        for _, kind, data in found
        if data["stream"] == place
    ]


def test_each_stream_has_the_events_that_it_has_alone(client: TestClient, several: str) -> None:
    found = parse_events(client.get(several).text)
    jobs, sweep = several.partition("jobs=")[2].split("&sweeps=")
    for place, job_id in enumerate(jobs.split(",")):
        alone = parse_events(client.get(f"/v1/jobs/{job_id}/stream").text)
        assert of_stream(found, place) == [(kind, {"job_id": job_id, **data}) for _, kind, data in alone]
    alone = parse_events(client.get(f"/v1/sweeps/{sweep}/stream").text)
    assert of_stream(found, 2) == [(kind, data) for _, kind, data in alone]


def test_whatever_event_a_client_comes_back_with_it_misses_none_and_has_none_twice(
    client: TestClient, several: str
) -> None:
    whole = parse_events(client.get(several).text)
    for cut, (last, _, _) in enumerate(whole[:-1]):
        rest = parse_events(client.get(several, headers={"Last-Event-ID": last}).text)
        for place in range(3):
            assert of_stream([*whole[: cut + 1], *rest], place) == of_stream(whole, place), last
        assert parse_events(client.get(f"{several}&after={last}").text) == rest
    assert client.get(several, headers={"Last-Event-ID": whole[-1][0]}).status_code == 204


def test_positions_are_taken_along_to_another_set_of_streams(client: TestClient, worker: FakeWorker) -> None:
    first, second = ended_job(client, worker), ended_job(client, worker)
    found = parse_events(client.get(f"/v1/stream?jobs={first}").text)
    path = f"/v1/stream?jobs={second},{first}&after=,{found[2][0]}"
    both = parse_events(client.get(path).text)
    assert len(of_stream(both, 0)) == len(found)
    assert [kind for kind, _ in of_stream(both, 1)] == [kind for _, kind, _ in found[3:]]


def test_one_job_may_be_followed_from_two_positions(client: TestClient, worker: FakeWorker) -> None:
    job_id = ended_job(client, worker)
    found = parse_events(client.get(f"/v1/stream?jobs={job_id},{job_id}&after=0,3").text)
    assert len(of_stream(found, 0)) == len(of_stream(found, 1)) + 3


def test_the_connection_waits_for_what_is_still_to_come_on_any_of_its_streams(
    client: TestClient, worker: FakeWorker
) -> None:
    ids = [post_job(client, epochs=3)["id"] for _ in range(2)]

    def train() -> None:
        for job_id in reversed(ids):
            lease = worker.claim(job_id)
            worker.record(lease, 1)
            worker.cancel(lease)

    training = Timer(0.5, train)
    training.start()
    found = parse_events(client.get(f"/v1/stream?jobs={','.join(ids)}").text)
    training.join()
    for place in range(2):
        kinds = [kind for kind, _ in of_stream(found, place)]
        assert kinds == ["state", "state", "epoch", "state", "end"]


def test_an_unknown_job_is_reported_gone_and_does_not_stop_the_others(client: TestClient, worker: FakeWorker) -> None:
    job_id = ended_job(client, worker)
    path = f"/v1/stream?jobs=nowhere,{job_id}&sweeps=nothing"
    found = parse_events(client.get(path).text)
    assert of_stream(found, 0) == [("gone", {"job_id": "nowhere"})]
    assert of_stream(found, 2) == [("gone", {})]
    assert of_stream(found, 1)[-1][0] == "end"
    assert client.get(path, headers={"Last-Event-ID": found[-1][0]}).status_code == 204


def test_a_job_that_is_deleted_meanwhile_is_reported_gone(client: TestClient, app: FastAPI) -> None:
    job_id = post_job(client)["id"]

    def delete() -> None:
        with app.state.sessions.begin() as session:
            session.execute(text("DELETE FROM jobs"))

    deleted = Timer(0.5, delete)
    deleted.start()
    found = parse_events(client.get(f"/v1/stream?jobs={job_id}").text)
    deleted.join()
    assert [kind for _, kind, _ in found] == ["state", "gone"]


@pytest.mark.parametrize("positions", ["999,gone,999x2", "7,0,1x3", "999,999,1"])
def test_a_position_that_is_not_there_begins_its_stream_again(
    client: TestClient, worker: FakeWorker, positions: str
) -> None:
    first, second, sweep = ended_job(client, worker), ended_job(client, worker), ended_sweep(client, worker)
    path = f"/v1/stream?jobs={first},{second}&sweeps={sweep}"
    whole = parse_events(client.get(path).text)
    found = parse_events(client.get(path, headers={"Last-Event-ID": positions}).text)
    for place, position in enumerate(positions.split(",")):
        kinds = [kind for kind, _ in of_stream(found, place)]
        assert kinds == ["reset"] * (position != "0") + [kind for kind, _ in of_stream(whole, place)]


@pytest.mark.parametrize(
    ("query", "after"),
    [
        ("", None),
        ("jobs=,%20,", None),
        (f"jobs={','.join('a' * (MAX_STREAMS + 1))}", None),
        ("jobs=a,b", "1"),
        ("jobs=a", "1,2"),
        ("jobs=a", "x"),
        ("jobs=a", "1.2"),
        ("jobs=a", "1.end"),
        ("jobs=a", "²"),
        ("sweeps=a", "1x"),
        ("jobs=%00", None),
    ],
)
def test_streams_and_positions_that_are_none_are_refused(client: TestClient, query: str, after: str | None) -> None:
    headers = [] if after is None else [(b"Last-Event-ID", after.encode())]
    response = client.get(f"/v1/stream?{query}", headers=headers)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] in {"/jobs", "/Last-Event-ID"}


def test_a_long_backlog_comes_whole(client: TestClient, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.streams.several.EVENTS_AT_ONCE", 3)
    first, second = ended_job(client, worker, epochs=5), ended_job(client, worker, epochs=4)
    found = parse_events(client.get(f"/v1/stream?jobs={first},{second}").text)
    for place, epochs in enumerate((5, 4)):
        rows = [data["epoch"] for kind, data in of_stream(found, place) if kind == "epoch"]
        assert rows == [*range(1, epochs + 1)]


def test_a_sweep_without_any_job_left_is_gone(client: TestClient, app: FastAPI, worker: FakeWorker) -> None:
    sweep_id = ended_sweep(client, worker)
    with app.state.sessions.begin() as session:
        for job in client.get("/v1/jobs", params={"sweep_id": sweep_id}).json()["data"]:
            jobs.remove(session, job["id"])
    assert [kind for _, kind, _ in parse_events(client.get(f"/v1/stream?sweeps={sweep_id}").text)] == ["gone"]
