"""HEAD, OPTIONS and Allow, as RFC 9110 has them."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.http.methods import ROUTED
from tests.support.fake_worker import FakeWorker

VARYING = {"x-request-id", "date"}


@pytest.fixture
def known(client: TestClient, worker: FakeWorker) -> dict[str, str]:
    """A value for each part of a path that a request may name; the job has come to its end."""
    sweep = client.post("/v1/sweeps", json={"activations": ["relu"]}).json()
    job_id = client.get("/v1/jobs", params={"sweep_id": sweep["id"]}).json()["data"][0]["id"]
    lease = worker.claim(job_id)
    worker.checkpoint(lease, 1)
    worker.cancel(lease)
    client.post("/v1/activations", json={"name": "swishy", "formula": "x*sigmoid(x)"})
    return {"job_id": job_id, "sweep_id": sweep["id"], "name": "swishy", "kind": "svg", "epoch": "1"}


def paths(document: dict[str, Any], known: dict[str, str]) -> list[tuple[str, set[str]]]:
    """Each, with its methods."""
    found = []
    for path, methods in document["paths"].items():
        filled = path.replace("examples/{name}", "examples/exploding")
        filled = re.sub(r"\{(\w+)\}", lambda part: known[part[1]], filled)
        found.append((filled, {method.upper() for method in methods}))
    return found


def test_head_is_answered_as_get_is_without_the_body(client: TestClient, known: dict[str, str]) -> None:
    got = [path for path, methods in paths(client.get("/openapi.json").json(), known) if "GET" in methods]
    documents = ["/", "/docs", "/redoc", "/openapi.json", "/static/main.js", "/static-offline-docs/redoc.standalone.js"]
    for path in [*got, *documents]:
        query = f"?jobs={known['job_id']}" if path == "/v1/compare" else ""
        whole, head = client.get(path + query), client.head(path + query)
        assert (head.status_code, head.content) == (whole.status_code, b""), path
        if path != "/metrics":  # which counts its own requests
            told = [
                {name: text for name, text in found.headers.items() if name not in VARYING} for found in (whole, head)
            ]
            assert told[0] == told[1], path


def test_head_of_a_stream_without_an_end_comes_back(client: TestClient) -> None:
    job = client.post("/v1/jobs", json={"activation": "relu"}).json()
    sweep = client.post("/v1/sweeps", json={"activations": ["relu"]}).json()
    for path in (job["links"]["stream"], sweep["links"]["stream"]):
        response = client.head(path)
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["Content-Type"].startswith("text/event-stream")
    assert "activation_lab_streams_open 0.0" in client.get("/metrics").text


def test_allow_names_every_method_of_a_path(client: TestClient, known: dict[str, str]) -> None:
    for path, methods in paths(client.get("/openapi.json").json(), known):
        allowed = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        options = client.options(path)
        assert (options.status_code, options.content) == (204, b"")
        assert {*options.headers["Allow"].split(", ")} == allowed, path
        for method in {*ROUTED, "TRACE", "BREW"} - allowed:
            response = client.request(method, path)
            assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed"), path
            assert response.headers["Allow"] == options.headers["Allow"]


@pytest.mark.parametrize("name", ["gelu", "Gelu", "plot.svg", "plot.png"])
def test_only_names_of_ones_own_activations_can_be_deleted(client: TestClient, name: str) -> None:
    response = client.delete(f"/v1/activations/{name}")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert (
        response.headers["Allow"] == client.options(f"/v1/activations/{name}").headers["Allow"] == "GET, HEAD, OPTIONS"
    )


def test_files_are_read_only(client: TestClient) -> None:
    for path in ("/", "/static/main.js", "/docs"):
        assert client.options(path).headers["Allow"] == client.delete(path).headers["Allow"] == "GET, HEAD, OPTIONS"


def test_what_is_not_there_has_no_methods(client: TestClient) -> None:
    assert client.options("/v1/nothing").status_code == client.head("/v1/nothing").status_code == 404
    assert client.head("/v1/jobs/none/cancel").headers["Allow"] == "POST, OPTIONS"


@pytest.mark.parametrize(
    "path", ["/v1/jobs/x%2Fcancel", "/v1%2Fjobs", "/v1/activations/gelu%2fcurve", "/static%2Fmain.js"]
)
def test_an_encoded_slash_leads_to_no_other_path(client: TestClient, path: str) -> None:
    for method in ROUTED:
        response = client.request(method, path)
        assert (response.status_code, response.json()["code"]) == (404, "not_found"), method
        assert "Allow" not in response.headers


def test_head_is_counted_as_such(client: TestClient) -> None:
    client.head("/v1/activations")
    assert 'method="HEAD",route="/v1/activations",status="200"' in client.get("/metrics").text
