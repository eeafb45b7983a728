"""Parameters as every endpoint reads them, and refuses them."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.http.openapi import list_operations
from tests.support.refusals import refused_pointers

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
    name = "swishy" if path.endswith("activations/{name}") else "exploding" if "examples" in path else "elu"
    known = {"name": name, "kind": "svg", "epoch": "1", **values}
    return re.sub(r"\{(\w+)\}", lambda part: quote(known.get(part[1], "no-such-id"), safe=""), path)


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
        assert refused_pointers(response) == ["/exclud"], (method, path)


def test_a_parameter_given_twice_is_refused_unless_it_is_a_list(client: TestClient, everything: list[Any]) -> None:
    lists = set()
    for method, path, operation in everything:
        for name, schema in parameters(operation, "query"):
            if "array" in types(schema):
                lists.add(name)
                continue
            response = client.request(method, filled(path) + f"?{name}=1&{name}=1")
            assert f"/{name}" in refused_pointers(response), (method, path)
    assert lists == {"state", "activation", "exclude", "names", "jobs", "sweeps"}
    assert refused_pointers(client.get("/v1/jobs?metadata[a]=1&metadata[a]=2")) == ["/metadata[a]"]
    assert refused_pointers(client.get("/v1/activations/elu/curve?alpha=1&alpha=2")) == ["/alpha"]


def test_numbers_are_written_in_ascii(client: TestClient, everything: list[Any]) -> None:
    tried = 0
    for method, path, operation in everything:
        for place in ("query", "path"):
            for name, schema in parameters(operation, place):
                wrong = {"integer": MISWRITTEN + NO_INTEGERS, "number": MISWRITTEN + NO_NUMBERS}
                for text in [text for kind in types(schema) for text in wrong.get(kind, [])]:
                    url = filled(path, **{name: text}) if place == "path" else f"{filled(path)}?{name}={quote(text)}"
                    assert f"/{name}" in refused_pointers(client.request(method, url)), url
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
    assert refused_pointers(client.get("/v1/jobs?state=queued&state=lost")) == ["/state/1"]


def test_names_come_with_commas_or_again_and_again(client: TestClient) -> None:
    plots = [
        client.get(f"/v1/activations/plot.svg?{query}").content
        for query in ("names=relu,gelu", "names=relu&names=gelu")
    ]
    assert plots[0] == plots[1]
    assert refused_pointers(client.get("/v1/activations/plot.svg?names=relu&names=relu")) == ["/names"]
    assert refused_pointers(client.get("/v1/activations/plot.svg?names=,")) == ["/names"]
    assert client.get("/v1/compare?jobs=a&jobs=b").status_code == 404
    assert refused_pointers(client.get("/v1/compare?jobs=a&jobs=a")) == ["/jobs"]


def test_exclusions_come_with_commas_or_again_and_again(client: TestClient) -> None:
    sweep = client.post("/v1/sweeps", json={"activations": ["relu", "gelu", "elu"]}).json()["id"]
    plots = [client.get(f"/v1/sweeps/{sweep}/plot.svg?exclude={query}") for query in ("relu,gelu", "relu&exclude=gelu")]
    assert plots[0].status_code == 200
    assert plots[0].content == plots[1].content
    means = client.get(f"/v1/sweeps/{sweep}/means?exclude=relu&exclude=gelu").json()
    assert [curve["activation"] for curve in means["configurations"]] == ["elu"]


def test_every_operation_is_tried(everything: list[Any], app: FastAPI) -> None:
    assert len(everything) == len([path for path, _ in list_operations(app.openapi()) if path.startswith("/v1/")]) > 25
