"""Heavy work has few threads, and leaves all other requests theirs."""

import asyncio
from collections.abc import Iterator
from threading import Barrier, Event, Lock
from typing import Any

import pytest
from anyio import CapacityLimiter
from fastapi import FastAPI
from starlette.responses import Response
from starlette.testclient import TestClient

from api.http import threads
from api.http.problems import MEDIA_TYPE
from jobs.errors import Busy
from tests.support.submitting import post_job, post_sweep

LONG = threads.MOST_WAITING + 2
PROPAGATION = {"activation": "relu", "depth": 2, "width": 2, "samples": 2}
CHAIN = {
    "activation": "relu",
    "weights": [],
    "pre_activations": [1.0],
    "upstream": 1,
    "learning_rate": 1,
    "parameter": 1,
}
LIGHT = [
    ("GET", "/healthz", None),
    ("GET", "/readyz", None),
    ("GET", "/metrics", None),
    ("GET", "/v1/activations/gelu/curve", None),
    ("POST", "/v1/activations/gelu/evaluate", {"x": [1.0]}),
    ("POST", "/v1/gradients/chain", CHAIN),
    ("GET", "/v1/jobs/{job}/history?format=csv", None),
    ("GET", "/v1/sweeps/{sweep}/history", None),
    ("GET", "/v1/compare?jobs={job}", None),
]
HEAVY = [
    ("GET", "/v1/activations/gelu/curve?points=100000", None),
    ("GET", "/v1/activations/gelu/curve?format=png", None),
    ("GET", "/v1/activations/plot.svg", None),
    ("POST", "/v1/activations/gelu/evaluate", {"x": [1.0] * 1001}),
    ("POST", "/v1/gradients/chain?format=svg", CHAIN),
    ("POST", "/v1/gradients/clip", {"gradient": [1.0] * 1001, "by": "value", "threshold": 1}),
    ("POST", "/v1/gradients/propagation", PROPAGATION),
    ("GET", "/v1/gradients/examples/exploding?format=svg", None),
    ("GET", "/v1/jobs/{job}/plot.png", None),
    ("GET", "/v1/jobs/{job}/layers/plot.png", None),
    ("GET", "/v1/jobs/{job}/parameters/plot.png", None),
    ("GET", "/v1/jobs/{job}/history?format=parquet", None),
    ("GET", "/v1/jobs/{job}/layers?format=parquet", None),
    ("GET", "/v1/jobs/{job}/parameters?format=parquet", None),
    ("GET", "/v1/compare?jobs={job}&format=svg", None),
    ("GET", "/v1/sweeps/{sweep}/plot.svg", None),
    ("GET", "/v1/sweeps/{sweep}/history?format=parquet", None),
]


@pytest.fixture
def no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads of heavy work are busy, for longer than anybody waits."""
    monkeypatch.setattr(threads, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(threads, "HEAVY", CapacityLimiter(0))


@pytest.fixture
def ids(client: TestClient) -> dict[str, str]:
    return {"job": post_job(client)["id"], "sweep": post_sweep(client, activations=["relu"])["id"]}


@pytest.mark.usefixtures("no_turn")
def test_heavy_requests_that_get_no_turn_are_told_to_come_back_and_others_are_served(
    client: TestClient, ids: dict[str, str]
) -> None:
    for method, path, body in HEAVY:
        response = client.request(method, path.format_map(ids), json=body)
        assert (response.status_code, response.json()["code"]) == (503, "busy"), path
        assert int(response.headers["Retry-After"]) > 0
    for method, path, body in LIGHT:
        assert client.request(method, path.format_map(ids), json=body).status_code == 200, path


def test_heavy_requests_are_served_when_their_turn_comes(client: TestClient, ids: dict[str, str]) -> None:
    for method, path, body in HEAVY:
        assert client.request(method, path.format_map(ids), json=body).status_code == 200, path


def test_every_operation_that_draws_packs_or_propagates_declares_that_it_may_be_busy(app: FastAPI) -> None:
    for path, operation in list_operations(app):
        responses = operation["responses"]
        draws = any(kind.startswith("image/") or "parquet" in kind for kind in responses["200"].get("content", {}))
        codes = responses.get("503", {}).get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
        if draws:
            assert "busy" in codes, path


def list_operations(app: FastAPI) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in app.openapi()["paths"].items():
        for operation in methods.values():
            if "200" in operation["responses"]:
                yield path, operation


def test_no_more_heavy_work_is_done_at_once_than_there_are_threads() -> None:
    lock, together = Lock(), Barrier(2)
    working, most = 0, 0

    @threads.heavy()
    def work() -> Response:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        together.wait(30)
        with lock:
            working -= 1
        return Response()

    async def ask() -> None:
        await asyncio.gather(*(work() for _ in range(10)))

    asyncio.run(ask())
    assert most == threads.HEAVY.total_tokens == 2


def test_who_finds_too_many_waiting_does_not_wait() -> None:
    finish = Event()

    @threads.heavy()
    def work() -> Response:
        finish.wait(30)
        return Response()

    async def ask() -> list[Any]:
        asked = [asyncio.create_task(work()) for _ in range(LONG + 5)]
        refused, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert not any(task.exception() is None for task in refused)
        finish.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(ask())
    assert [isinstance(answer, Busy) for answer in answers] == [False] * LONG + [True] * 5
