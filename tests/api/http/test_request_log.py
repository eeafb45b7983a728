"""The log line of a request, and the id that its answer has too."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from structlog.contextvars import get_contextvars

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Any:
    """Every record as fields, with what was bound where it was logged."""
    found: list[dict[str, Any]] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append({**record.__dict__, **get_contextvars(), "event": record.getMessage()})

    keeper, root = Keeper(), logging.getLogger("api")
    root.addHandler(keeper)
    before = root.level
    root.setLevel(logging.DEBUG)
    yield lambda: found
    root.removeHandler(keeper)
    root.setLevel(before)


def access(lines: Lines) -> list[dict[str, Any]]:
    return [line for line in lines() if line["name"] == "api.http.request_log"]


def test_an_answer_carries_the_id_of_its_request(client: TestClient) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "my-id_1.2:3"}).headers["X-Request-ID"] == "my-id_1.2:3"
    first, second = (client.get("/healthz").headers["X-Request-ID"] for _ in range(2))
    assert len(first) == 36
    assert first != second


@pytest.mark.parametrize("given", ["", "two words", "a" * 129, 'quote"', "new\tline", "brace{", "ümlaut".encode()])
def test_an_id_that_is_not_sane_is_replaced(client: TestClient, given: str | bytes) -> None:
    answered = client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert len(answered) == 36


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/v1/jobs", 405), ("POST", "/v1/jobs", 415)]
)
def test_every_problem_names_its_request(client: TestClient, method: str, path: str, status: int) -> None:
    response = client.request(method, path, headers={"X-Request-ID": "mine"})
    assert response.status_code == status
    assert response.json()["request_id"] == "mine"
    assert response.headers.get_list("X-Request-ID") == ["mine"]


def test_a_bug_is_found_in_the_log_by_the_id_of_its_answer(client: TestClient, app: FastAPI, lines: Lines) -> None:
    app.state.sessions = None
    response = client.get("/v1/jobs")
    request_id = response.json()["request_id"]
    assert response.headers.get_list("X-Request-ID") == [request_id]
    (bug,) = [line for line in lines() if line["levelname"] == "ERROR"]
    assert bug["request_id"] == request_id
    assert bug["exc_info"]
    (line,) = access(lines)
    assert (line["status"], line["request_id"]) == (500, request_id)


def test_a_request_is_one_line(client: TestClient, lines: Lines) -> None:
    client.get("/v1/activations/relu/curve?points=3", headers={"X-Request-ID": "mine"})
    (line,) = access(lines)
    assert line["levelname"] == "INFO"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/activations/{name}/curve", 200)
    assert line["request_id"] == "mine"
    assert 0 < line["seconds"] < 60


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_logged_for_who_debugs_only(client: TestClient, lines: Lines, path: str) -> None:
    client.get(path)
    assert [line["levelname"] for line in access(lines)] == ["DEBUG"]


def test_an_accepted_job_is_logged_with_both_ids(client: TestClient, lines: Lines) -> None:
    """Also out of an endpoint that runs in another thread."""
    headers = {"X-Request-ID": "mine", "Idempotency-Key": "once"}
    job_id = client.post("/v1/jobs", json={"activation": "relu"}, headers=headers).json()["id"]
    client.post("/v1/jobs", json={"activation": "relu"}, headers=headers)
    (accepted,) = [line for line in lines() if line["event"] == "job accepted"]
    assert (accepted["job_id"], accepted["request_id"]) == (job_id, "mine")


def test_requests_do_not_share_an_id(client: TestClient, lines: Lines) -> None:
    for name in ("one", "two"):
        client.get("/v1/jobs/none", headers={"X-Request-ID": name})
    assert [line["request_id"] for line in access(lines)] == ["one", "two"]
