"""Limits of an API key and of those who guess one: requests, jobs, open streams, and the end of the key itself."""

import asyncio
from collections.abc import Iterator
from threading import Event
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.http import auth, open_streams
from api.http.open_streams import OpenStreams
from api.http.rates import REMEMBERED, Buckets
from db import keys
from tests.support.access import Headers, change_settings, make_key
from tests.support.serving import serve
from tests.support.statements import record_statements
from tests.support.submitting import post_job
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("with_keys")


@pytest.fixture
def no_refill(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, nobody gets another try."""
    monkeypatch.setitem(auth.FAILED_KEYS, "per_second", 0.0)


@pytest.mark.usefixtures("no_refill")
def test_wrong_keys_are_slowed_and_right_ones_are_not(
    app: FastAPI, client: TestClient, anna: Headers, admin: Headers
) -> None:
    assert client.get("/v1/jobs", headers=anna).status_code == 200
    with record_statements(app.state.sessions) as sent:
        tried = [client.get("/v1/jobs", headers={"Authorization": f"Bearer al_{n}"}) for n in range(30)]
    assert [response.status_code for response in tried] == [401] * 10 + [429] * 20
    assert len(sent) == 10, "a refused guess is not looked up"
    assert int(tried[-1].headers["Retry-After"]) > 0
    assert tried[-1].json()["code"] == "too_many_requests"
    assert client.get("/v1/jobs").status_code == 401, "no key is no guess"
    assert client.get("/v1/jobs", headers=anna).status_code == 200
    assert client.get("/v1/jobs", headers=admin).status_code == 429, "one that was not used yet may be a guess"
    with app.state.sessions.begin() as session:
        keys.revoke(session, "anna")
    assert [client.get("/v1/jobs", headers=anna).status_code for _ in range(2)] == [401, 429]


@pytest.mark.usefixtures("no_refill")
def test_a_client_is_a_network_where_it_chooses_its_own_address(app: FastAPI) -> None:
    guess = {"Authorization": "Bearer al_wrong"}

    def try_from(address: str) -> int:
        return TestClient(app, client=(address, 1)).get("/v1/jobs", headers=guess).status_code

    while try_from("2001:db8::1") != 429:
        pass
    found = {address: try_from(address) for address in ("2001:db8::2", "2001:db8:0:1::1", "192.0.2.1")}
    assert found == {"2001:db8::2": 429, "2001:db8:0:1::1": 401, "192.0.2.1": 401}


def test_buckets_fill_again_and_forget_the_clients_that_were_quiet_longest() -> None:
    clock = [0.0]
    buckets, rate = Buckets(lambda: clock[0]), {"capacity": 2, "per_second": 0.5}
    assert [buckets.take("a", **rate) for _ in range(3)] == [True, True, False]
    assert buckets.take("b", **rate)
    clock[0] = 1.9
    assert not buckets.take("a", **rate)
    clock[0] = 2.0
    assert [buckets.take("a", **rate) for _ in range(2)] == [True, False]
    buckets.put_back("a", **rate)
    assert [buckets.take("a", **rate) for _ in range(2)] == [True, False]
    for number in range(REMEMBERED):
        buckets.take(str(number), **rate)
    assert buckets.take("a", **rate)


def test_a_key_has_a_quota_of_requests(app: FastAPI, client: TestClient, anna: Headers, bob: Headers) -> None:
    change_settings(app, max_requests_per_minute=5)
    statuses = [client.get("/v1/activations/relu", headers=anna).status_code for _ in range(20)]
    assert statuses[:5] == [200] * 5
    assert 429 in statuses
    assert client.get("/v1/activations/relu", headers=bob).status_code == 200


def test_an_owner_has_a_quota_of_unfinished_jobs(app: FastAPI, client: TestClient, anna: Headers, bob: Headers) -> None:
    change_settings(app, max_unfinished_jobs_per_owner=2)
    job_id = post_job(client, headers=anna)["id"]
    sweep = client.post("/v1/sweeps", json={"activations": ["relu", "gelu"]}, headers=anna)
    assert (sweep.status_code, sweep.json()["code"]) == (429, "too_many_jobs")
    post_job(client, headers=anna)
    other_key = make_key(app, "anna-2", owner="anna")
    full = client.post("/v1/jobs", json={"activation": "relu"}, headers=other_key)
    assert (full.status_code, full.json()["detail"]) == (
        429,
        "2 jobs of anna are queued or running; wait for one to end",
    )
    assert client.get("/v1/jobs", headers=anna).json()["total"] == 2
    post_job(client, headers=bob)
    client.post(f"/v1/jobs/{job_id}/cancel", headers=anna)
    post_job(client, headers=anna)


@pytest.fixture
def live(app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:  # noqa: ARG001
    """The URL of a server whose keys are read again soon."""
    monkeypatch.setattr(open_streams, "CHECK_SECONDS", 0.1)
    with serve(app) as url:
        yield url


@pytest.mark.parametrize("path", ["/v1/jobs/{}/stream", "/v1/stream?jobs={}"])
def test_a_stream_ends_when_its_key_is_revoked_and_no_other_does(
    app: FastAPI, live: str, anna: Headers, bob: Headers, path: str
) -> None:
    streams, jobs_of = {}, {}
    with httpx2.Client(base_url=live, timeout=30) as http:
        for name, headers in (("anna", anna), ("bob", bob)):
            job_id = http.post("/v1/jobs", json={"activation": "relu"}, headers=headers).json()["id"]
            jobs_of[name] = path.format(job_id)
            streams[name] = http.send(http.build_request("GET", jobs_of[name], headers=headers), stream=True)
            assert streams[name].status_code == 200
        with app.state.sessions.begin() as session:
            keys.revoke(session, "anna")
        assert "event: state" in streams["anna"].read().decode(), "it ends in order"
        assert http.get(jobs_of["anna"], headers=anna).status_code == 401
        assert not streams["bob"].is_closed
        streams["bob"].close()


def test_a_stream_that_opens_while_keys_are_read_goes_on(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, opened = Event(), Event()
    read: list[set[str]] = []

    def find_valid(_: Any, digests: set[str]) -> set[str]:
        read.append(digests)
        reading.set()
        assert opened.wait(60)
        return digests if len(read) < 3 else set()

    monkeypatch.setattr(open_streams, "CHECK_SECONDS", 0)
    monkeypatch.setattr(open_streams, "find_valid", find_valid)

    async def wait() -> None:
        await asyncio.Event().wait()

    async def serve_two() -> list[bool]:
        streams = OpenStreams()
        first = asyncio.create_task(streams.serve(app.state.sessions, "anna's", wait))
        await asyncio.to_thread(reading.wait, 60)
        second = asyncio.create_task(streams.serve(app.state.sessions, "bob's", wait))
        await asyncio.sleep(0)
        opened.set()
        return [*await asyncio.gather(first, second)]

    assert asyncio.run(serve_two()) == [True, True]
    assert read[:3] == [{"anna's"}, {"anna's", "bob's"}, {"anna's", "bob's"}]  # and none, if another began meanwhile


def test_a_key_has_a_quota_of_open_streams(app: FastAPI, live: str, anna: Headers, bob: Headers) -> None:
    change_settings(app, max_streams_per_key=2)
    with httpx2.Client(base_url=live, timeout=30) as http:
        job_id = http.post("/v1/jobs", json={"activation": "relu"}, headers=anna).json()["id"]
        url = f"/v1/jobs/{job_id}/stream"
        streams = [http.send(http.build_request("GET", url, headers=anna), stream=True) for _ in range(2)]
        full = http.get(url, headers=anna)
        assert (full.status_code, full.json()["detail"]) == (429, "this key allows 2 open streams")
        assert http.get(f"/v1/jobs/{job_id}", headers=anna).status_code == 200
        assert http.get(url, headers=bob).status_code == 404
        streams.pop().close()

        def reopen() -> bool:
            opened = http.send(http.build_request("GET", url, headers=anna), stream=True)
            streams.append(opened)
            return opened.status_code == 200

        wait_for(reopen, seconds=20)
        for stream in streams:
            stream.close()
