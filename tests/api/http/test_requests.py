"""Refusals that all endpoints share, each with its place in the request."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from api.http.openapi import list_operations

MISWRITTEN = ["\u0661", "\uff11", "+5", "1_000", " 5 ", "5 ", "0x10", "1e", "--1", "1,5", "\u00bd", "five"]
NO_INTEGERS = ["1e3", "1.0", "5."]
NO_NUMBERS = ["nan", "inf", "-Infinity", "1e400"]


@pytest.fixture
def everything(app: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of whatever is under /v1."""
    document = app.openapi()
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/v1/")
    ]


def filled(path: str, **values: str) -> str:
    """The path with these values, else with those of things that are, or of an id that is not."""
    known = {"name": "exploding" if "examples" in path else "elu", "kind": "svg", "epoch": "1", **values}
    return re.sub(r"\{(\w+)\}", lambda part: quote(known.get(part[1], "no-such-id"), safe=""), path)


def refused(response: Response) -> list[str]:
    """The places of what is wrong."""
    assert (response.status_code, response.headers["Content-Type"]) == (422, "application/problem+json"), response.text
    return [entry["pointer"] for entry in response.json()["errors"]]


def parameters(operation: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == place:
            yield parameter["name"], parameter["schema"]


def types(schema: dict[str, Any]) -> set[str]:
    return {found["type"] for found in schema.get("anyOf", [schema]) if "type" in found}


def test_a_misspelt_parameter_is_refused_everywhere(client: TestClient, everything: list[Any]) -> None:
    """Also that each router is made with `route_class=Route`, without which it would take anything."""
    for method, path, _ in everything:
        response = client.request(method, filled(path), params={"exclud": "relu"})
        assert refused(response) == ["/exclud"], (method, path)


def test_a_parameter_given_twice_is_refused_unless_it_is_a_list(client: TestClient, everything: list[Any]) -> None:
    lists = set()
    for method, path, operation in everything:
        for name, schema in parameters(operation, "query"):
            if "array" in types(schema):
                lists.add(name)
                continue
            response = client.request(method, filled(path) + f"?{name}=1&{name}=1")
            assert f"/{name}" in refused(response), (method, path)
    assert lists == {"state", "activation", "exclude", "names", "jobs", "sweeps"}
    assert refused(client.get("/v1/jobs?metadata[a]=1&metadata[a]=2")) == ["/metadata[a]"]
    assert refused(client.get("/v1/activations/elu/curve?alpha=1&alpha=2")) == ["/alpha"]


def test_numbers_are_written_in_ascii(client: TestClient, everything: list[Any]) -> None:
    tried = 0
    for method, path, operation in everything:
        for place in ("query", "path"):
            for name, schema in parameters(operation, place):
                wrong = {"integer": MISWRITTEN + NO_INTEGERS, "number": MISWRITTEN + NO_NUMBERS}
                for text in [text for kind in types(schema) for text in wrong.get(kind, [])]:
                    url = filled(path, **{name: text}) if place == "path" else f"{filled(path)}?{name}={quote(text)}"
                    assert f"/{name}" in refused(client.request(method, url)), url
                    tried += 1
    assert tried > 150


@pytest.mark.parametrize("text", ["-1.5", ".5", "5.", "1e-3", "1E+2", "007"])
def test_numbers_that_programs_write_are_read(client: TestClient, text: str) -> None:
    response = client.get("/v1/activations/elu/curve", params={"stop": "9e9", "start": text, "points": "2"})
    assert response.json()["x"][0] == float(text)


def test_a_body_is_not_read_without_a_key(client: TestClient, app: FastAPI, everything: list[Any]) -> None:
    app.state.settings = app.state.settings.model_copy(update={"auth": "keys"})
    for method, path, _ in everything:
        response = client.request(method, filled(path), content="{", headers={"Content-Type": "application/json"})
        assert (response.status_code, response.json()["code"]) == (401, "unauthorized"), (method, path)
        assert response.headers["WWW-Authenticate"] == "Bearer"
    too_large = client.post("/v1/jobs", content=b"x" * 20_000)
    assert too_large.status_code == client.get("/v1/nothing").status_code == client.put("/v1/jobs").status_code == 401
    for wrong in ("Bearer", "Bearer ", "Basic al_x", "Bearer \xe9", "al_x"):
        assert client.get("/v1/jobs", headers={"Authorization": wrong.encode("latin-1")}).status_code == 401


def test_jobs_are_filtered_by_several_states_and_activations(client: TestClient) -> None:
    for activation in ("relu", "gelu", "elu"):
        client.post("/v1/jobs", json={"activation": activation})
    cancelled = client.get("/v1/jobs?activation=elu").json()["data"][0]["id"]
    client.post(f"/v1/jobs/{cancelled}/cancel")

    def found(query: str) -> list[str]:
        return sorted(job["spec"]["activation"] for job in client.get(f"/v1/jobs?{query}").json()["data"])

    assert found("state=queued&state=cancelled") == ["elu", "gelu", "relu"]
    assert found("state=cancelled") == ["elu"]
    assert found("activation=relu&activation=elu") == ["elu", "relu"]
    assert found("activation=relu&activation=elu&state=queued&state=running") == ["relu"]
    assert refused(client.get("/v1/jobs?state=queued&state=lost")) == ["/state/1"]


def test_names_come_with_commas_or_again_and_again(client: TestClient) -> None:
    plots = [
        client.get(f"/v1/activations/plot.svg?{query}").content
        for query in ("names=relu,gelu", "names=relu&names=gelu")
    ]
    assert plots[0] == plots[1]
    assert refused(client.get("/v1/activations/plot.svg?names=relu&names=relu")) == ["/names"]
    assert refused(client.get("/v1/activations/plot.svg?names=,")) == ["/names"]
    assert client.get("/v1/compare?jobs=a&jobs=b").status_code == 404
    assert refused(client.get("/v1/compare?jobs=a&jobs=a")) == ["/jobs"]


def test_exclusions_come_with_commas_or_again_and_again(client: TestClient) -> None:
    sweep = client.post("/v1/sweeps", json={"activations": ["relu", "gelu", "elu"]}).json()["id"]
    plots = [client.get(f"/v1/sweeps/{sweep}/plot.svg?exclude={query}") for query in ("relu,gelu", "relu&exclude=gelu")]
    assert plots[0].status_code == 200
    assert plots[0].content == plots[1].content
    means = client.get(f"/v1/sweeps/{sweep}/means?exclude=relu&exclude=gelu").json()
    assert [curve["activation"] for curve in means["configurations"]] == ["elu"]


def encoded(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


ID = "0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"
FORGED = [
    "",
    "x",
    "%00",
    "%ED%A0%80",
    base64.urlsafe_b64encode(b"[" * 5000).decode(),
    base64.urlsafe_b64encode(b"[" * 200).decode(),
    base64.urlsafe_b64encode(b'{"a":' * 60).decode(),
    encoded(["best_val_loss", True, ID]),
    encoded(["best_val_loss", "1", ID]),
    encoded(["best_val_loss", 1, ID]),
    encoded(["best_val_loss", 10**400, ID]),
    encoded(["best_val_loss", [0.5], ID]),
    encoded(["best_val_loss", {}, ID]),
    encoded(["best_val_loss", 0.5, "x"]),
    encoded(["best_val_loss", 0.5, "\ud800"]),
    encoded(["best_val_loss", 0.5, "\0" * 36]),
    encoded(["best_val_loss", 0.5, ID.upper()]),
    encoded(["best_val_loss", 0.5, None]),
    encoded(["best_val_loss", 0.5]),
    encoded(["best_val_loss", 0.5, ID, 1]),
    encoded([None, 0.5, ID]),
    encoded({"best_val_loss": 0.5}),
    encoded("best_val_loss"),
    encoded(["best_val_loss", 0.5, ID]) + "=",
    encoded(["best_val_loss", 0.5, ID]) + "A",
    base64.urlsafe_b64encode(json.dumps(["best_val_loss", 0.5, ID], indent=1).encode()).decode().rstrip("="),
    base64.urlsafe_b64encode(f'["best_val_loss",1e400,"{ID}"]'.encode()).decode().rstrip("="),
    encoded(["created_at", None, ID]),
    encoded(["created_at", 0.5, ID]),
    encoded(["created_at", "2026-11-26", ID]),
    encoded(["created_at", "2026-11-26T10:00:00", ID]),
    encoded(["created_at", "0001-01-01T00:00:00+14:00", ID]),
    encoded(["created_at", "9999-12-31T23:59:59-14:00", ID]),
    encoded(["created_at", "\u0662026-11-26T10:00:00+00:00", ID]),
    encoded(["-created_at", "2026-11-26T10:00:00+00:00", ID]),
    "z" * 36,
    "-" * 36,
    ID.upper(),
    ID + "%0A",
    "\u0660" * 36,
]


def test_a_forged_cursor_is_refused(client: TestClient) -> None:
    for cursor in FORGED:
        for path in ("/v1/jobs?sort=best_val_loss&", "/v1/jobs?sort=created_at&", "/v1/sweeps?"):
            response = client.get(f"{path}cursor={cursor}")
            assert response.status_code in {400, 422}, (path, cursor)
            assert response.headers["Content-Type"] == "application/problem+json"


ELU = {"activation": "elu"}
CHAIN = {
    **ELU,
    "weights": [1],
    "pre_activations": [0, 0],
    "upstream": 1,
    "learning_rate": 0.1,
    "parameter": 1,
}
WHERE_IT_IS: list[tuple[str, str, Any, str]] = [
    ("POST", "/v1/activations/elu/evaluate", {"x": [1], "parameters": {"alpha": "one"}}, "/parameters/alpha"),
    ("POST", "/v1/activations/elu/evaluate", {"x": [1], "parameters": {"beta": 1}}, "/parameters/beta"),
    ("POST", "/v1/activations/elu/evaluate", {"x": [1, "2"]}, "/x/1"),
    ("POST", "/v1/activations/elu/evaluate", {"x": [1], "parameters": {"a/b~": 1}}, "/parameters/a~1b~0"),
    ("POST", "/v1/activations/elu/evaluate", {"x": []}, "/x"),
    ("POST", "/v1/activations/elu/evaluate", {}, "/x"),
    ("POST", "/v1/activations/elu/evaluate", {"x": [1], "y": 1}, "/y"),
    ("GET", "/v1/activations/elu/curve?alpha=one", None, "/alpha"),
    ("GET", "/v1/activations/elu/curve?alpha=%D9%A1", None, "/alpha"),
    ("GET", "/v1/activations/elu/curve?beta=1", None, "/beta"),
    ("GET", "/v1/activations/elu/curve?start=5&stop=5", None, "/stop"),
    ("GET", "/v1/activations/elu/curve?points=1", None, "/points"),
    ("GET", "/v1/activations/elu/curve?format=pdf", None, "/format"),
    ("GET", "/v1/activations/plot.svg?names=none", None, "/names"),
    ("POST", "/v1/gradients/propagation", {"activation": "none"}, "/activation"),
    ("POST", "/v1/gradients/propagation", {"activation": "elu", "parameters": {"alpha": "x"}}, "/parameters/alpha"),
    ("POST", "/v1/gradients/propagation", {"activation": "elu", "depth": 200, "width": 1024}, "/depth"),
    ("POST", "/v1/gradients/clip", {"gradient": [1], "by": "value", "threshold": 0}, "/threshold"),
    ("POST", "/v1/gradients/chain", {**CHAIN, "upstream": None}, "/upstream"),
    ("POST", "/v1/gradients/chain", {**CHAIN, "weights": [1, 2]}, "/weights"),
    ("POST", "/v1/gradients/chain", {**CHAIN, "clip": {"by": "sum"}}, "/clip/by"),
    ("POST", "/v1/gradients/chain", {**CHAIN, "parameters": {"alpha": 0}}, "/parameters/alpha"),
    ("POST", "/v1/jobs", {}, "/activation"),
    ("POST", "/v1/jobs", {"activation": "elu", "parameters": {"alpha": True}}, "/parameters/alpha"),
    ("POST", "/v1/jobs", {"activation": "elu", "parameters": {"alpha": -1}}, "/parameters/alpha"),
    ("POST", "/v1/jobs", {"activation": "elu", "optimizer": {"name": "adam", "momentum": 0.9}}, "/optimizer/momentum"),
    (
        "POST",
        "/v1/jobs",
        {"activation": "elu", "validation": {"kind": "holdout", "fraction": 2}},
        "/validation/fraction",
    ),
    ("POST", "/v1/jobs", {"activation": "elu", "validation": {"fraction": 2}}, "/validation/fraction"),
    ("POST", "/v1/jobs", {"activation": "elu", "validation": {"kind": "none"}}, "/validation"),
    ("POST", "/v1/jobs", {"activation": "elu", "train_samples": 59_000}, "/train_samples"),
    ("POST", "/v1/jobs", {"activation": "elu", "metadata": {"a b": "x"}}, "/metadata/a b"),
    ("POST", "/v1/jobs", {"activation": "elu", "metadata": {"a": 1}}, "/metadata/a"),
    ("POST", "/v1/sweeps", {"base": {"epochs": 0}}, "/base/epochs"),
    ("POST", "/v1/sweeps", {"base": {"activation": "elu"}}, "/base/activation"),
    ("POST", "/v1/sweeps", {"base": {"parameters": {"alpha": "x"}}, "activations": ["elu"]}, "/base/parameters/alpha"),
    ("POST", "/v1/sweeps", {"activations": ["relu", "none"]}, "/activations/1"),
    ("POST", "/v1/sweeps", {"activations": ["relu", "relu"]}, "/activations/1"),
    ("POST", "/v1/sweeps", {"seeds": [0, -1]}, "/seeds/1"),
    ("POST", "/v1/sweeps", {"grid": {"epochs": [1, 0]}}, "/grid/epochs/1"),
    (
        "POST",
        "/v1/sweeps",
        {"activations": ["elu"], "grid": {"parameters.alpha": [1, ""]}},
        "/grid/parameters.alpha/1",
    ),
    ("POST", "/v1/sweeps", {"grid": {"clip.threshold": [0]}}, "/grid/clip.threshold/0"),
    ("POST", "/v1/sweeps", {"grid": {"nothing": [1]}}, "/grid/nothing/0"),
    ("POST", "/v1/sweeps", {"grid": {"seed": [1]}}, "/grid/seed"),
    ("GET", "/v1/jobs?state=lost", None, "/state/0"),
    ("GET", "/v1/jobs?sort=none", None, "/sort"),
    ("GET", "/v1/jobs?metadata[]=1", None, "/metadata[]"),
    ("GET", "/v1/jobs?sweep_id=%00", None, "/sweep_id"),
    ("GET", "/v1/jobs/%00", None, "/job_id"),
    ("GET", "/v1/jobs/none/checkpoints/0", None, "/epoch"),
]


def test_a_refusal_points_at_what_is_wrong(client: TestClient) -> None:
    for method, url, body, pointer in WHERE_IT_IS:
        assert {*refused(client.request(method, url, json=body))} == {pointer}, (url, body)


def test_an_answer_echoes_what_cannot_be_encoded_without_failing(app: FastAPI) -> None:
    """A server other than uvicorn may hand on half of a surrogate pair in a path."""
    sent: list[Any] = []

    async def ask(path: str) -> None:
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}

        async def receive() -> Any:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            sent.append(message)

        await app(scope, receive, send)

    import anyio  # noqa: PLC0415

    for path in ("/v1/jobs/\ud800", "/\ud800", "/v1/activations/\ud800/curve"):
        anyio.run(ask, path)
    assert [message["status"] for message in sent if "status" in message] == [422, 404, 422]


def test_every_operation_is_tried(everything: list[Any], app: FastAPI) -> None:
    assert len(everything) == len([path for path, _ in list_operations(app.openapi()) if path.startswith("/v1/")]) > 25
