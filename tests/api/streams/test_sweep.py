"""The stream of a sweep: the events of all its jobs."""

import asyncio
from collections.abc import Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Thread
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.streams.batches import Stream, read_first, read_next
from api.streams.poller import Awaited, EventPoller, Told
from db import sweep_events
from tests.support.fake_worker import FakeWorker
from tests.support.sse import parse_events
from tests.support.submitting import list_job_ids, post_pair


def of_job(found: Iterable[tuple[str, str, dict[str, Any]]], job_id: str) -> list[str]:
    return [kind for _, kind, data in found if data.get("job_id") == job_id]


@pytest.fixture
def ended(client: TestClient, worker: FakeWorker) -> dict[str, Any]:
    """Its jobs trained at the same time, an epoch of each in turn."""
    sweep = post_pair(client, activations=["relu", "gelu", "elu"])
    first, second, third = list_job_ids(sweep)
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
    first, second, third = list_job_ids(ended)
    assert of_job(found, first) == ["state", "state", "epoch", "epoch", "state", "end"]
    assert of_job(found, second) == ["state", "state", "epoch", "state", "end"]
    assert of_job(found, third) == ["state", "state", "end"]
    last_id, kind, data = found[-1]
    assert (kind, data["state"], data["jobs"]["cancelled"]) == ("sweep_end", "cancelled", 3)
    assert last_id == "6.5.3.end"


def test_an_event_is_that_of_the_jobs_own_stream(client: TestClient, ended: dict[str, Any]) -> None:
    first = list_job_ids(ended)[0]
    of_sweep = [data for _, _, data in parse_events(client.get(f"/v1/sweeps/{ended['id']}/stream").text)]
    of_job = [data for _, _, data in parse_events(client.get(f"/v1/jobs/{first}/stream").text)]
    mine = [data for data in of_sweep if data.get("job_id") == first]
    assert mine == [{**data, "job_id": first, "activation": "relu"} for data in of_job]


def test_a_client_that_leaves_while_events_wait_for_it_is_no_bug(
    app: FastAPI, ended: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    path = f"/v1/sweeps/{ended['id']}/stream"
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [(b"host", b"testserver")]}

    async def leave() -> None:
        left = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.body":
                await asyncio.sleep(0.2)  # while the next events come to wait
                left.set()
                await asyncio.Event().wait()

        await app(scope, receive, send)

    asyncio.run(leave())
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


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
    sweep = post_pair(client, activations=["relu"], seeds=list(range(8)), base={"epochs": 5})
    workers = [Thread(target=train, args=(job_id, *[0.1] * 5)) for job_id in list_job_ids(sweep)]
    for worker in workers:
        worker.start()
    found = parse_events(client.get(f"/v1/sweeps/{sweep['id']}/stream").text)
    for worker in workers:
        worker.join()
    for job_id in list_job_ids(sweep):
        assert of_job(found, job_id) == ["state", "state", *["epoch"] * 5, "state", "end"]
    assert found[-1][1:] == ("sweep_end", {"state": "succeeded", "jobs": {**counts(succeeded=8)}})
    assert all(earlier[0] != later[0] for earlier, later in pairwise(found))


def counts(**states: int) -> dict[str, int]:
    every = dict.fromkeys(["queued", "running", "succeeded", "failed", "cancelled"], 0)
    return {"total": sum(states.values()), **every, **states}


def test_a_listener_is_woken_by_any_one_of_its_jobs(client: TestClient, app: FastAPI) -> None:
    first, second = list_job_ids(post_pair(client))

    awaited = Awaited(("sweep", "1x2"), {first: 1, second: 1})

    async def watch() -> list[Any]:
        return [found async for found in EventPoller(app.state.sessions).watch(awaited, Told())]

    async def listen() -> list[Any]:
        listening = asyncio.create_task(watch())
        await asyncio.sleep(0.5)
        assert not listening.done()
        await asyncio.to_thread(client.post, f"/v1/jobs/{second}/cancel")
        return await asyncio.wait_for(listening, 5)

    assert asyncio.run(listen()) == []


def test_a_job_that_ends_between_two_statements_of_a_read_is_not_waited_for(
    client: TestClient, app: FastAPI, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = post_pair(client, activations=["relu"])
    lease = worker.claim(list_job_ids(sweep)[0])
    list_members = sweep_events.list_members_of_stream

    def list_members_and_end(*arguments: Any) -> Any:
        members = list_members(*arguments)
        monkeypatch.undo()
        worker.cancel(lease)
        return members

    monkeypatch.setattr(sweep_events, "list_members_of_stream", list_members_and_end)
    stream = Stream("sweep_id", sweep["id"])
    first = read_first(app.state.sessions, stream, None, 100)
    assert [frame.event for frame in first.frames] == ["state", "state"]
    rest = read_next(app.state.sessions, stream, first.after, 100)
    assert [frame.event for frame in rest.frames] == ["state", "end", "sweep_end"]
    assert rest.complete


def test_a_job_deleted_while_the_stream_runs_does_not_stop_it(client: TestClient, worker: FakeWorker) -> None:
    sweep = post_pair(client)
    first, second = list_job_ids(sweep)
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
