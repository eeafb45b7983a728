"""Activations of one's own over HTTP: defined, previewed, evaluated, used by name and deleted."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from fastapi import FastAPI
from httpx import Response
from starlette.testclient import TestClient

from activations import catalog
from tests.support.access import Headers, change_settings
from tests.support.fake_worker import FakeWorker
from tests.support.refusals import refused_pointers
from tests.support.statements import name_targets, record_statements
from tests.support.submitting import post_job, post_sweep

SWISHY = {"name": "swishy", "formula": "x * sigmoid( b*x )", "parameters": {"b": {"default": 1, "maximum": 10}}}
"""The formula as a client may write it."""
FIELDS = (
    "title",
    "custom",
    "formula",
    "derivative",
    "owner",
    "self_normalizing",
    "advantages",
    "drawbacks",
    "reference",
)


def define(client: TestClient, headers: Headers | None = None, **given: Any) -> Response:
    return client.post("/v1/activations", json={**SWISHY, **given}, headers=headers)


@pytest.fixture
def swishy(client: TestClient) -> dict[str, Any]:
    response = define(client)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def list_names(client: TestClient, headers: Headers | None = None) -> list[str]:
    """The names of those that are not of the catalog."""
    data = client.get("/v1/activations", headers=headers).json()["data"]
    names = [each["name"] for each in data]
    assert names[: len(catalog.ACTIVATIONS)] == [*catalog.ACTIVATIONS]
    return names[len(catalog.ACTIVATIONS) :]


# --- define


def test_a_defined_activation_is_described_and_listed_after_the_catalog(
    client: TestClient, swishy: dict[str, Any]
) -> None:
    assert {name: swishy[name] for name in FIELDS} == {
        "title": "swishy",
        "custom": True,
        "formula": "x*sigmoid(b*x)",
        "derivative": swishy["derivative"],
        "owner": None,
        "self_normalizing": False,
        "advantages": [],
        "drawbacks": [],
        "reference": None,
    }
    assert swishy["derivative"]
    assert swishy["derivative_at_zero"] == 0.5
    (parameter,) = swishy["parameters"]
    assert (parameter["name"], parameter["default"], parameter["minimum"], parameter["maximum"]) == ("b", 1, None, 10)
    for name in ("formula_mathml", "derivative_mathml"):
        assert "\\" not in "".join(ET.fromstring(swishy[name]).itertext()), "a command that was not understood"
    assert client.get("/v1/activations/swishy").json() == swishy
    assert client.get("/v1/activations").json()["data"][-1] == swishy
    assert list_names(client) == ["swishy"]
    assert define(client).headers["Location"] == "/v1/activations/swishy"


def test_the_same_again_is_200_and_anything_else_409(client: TestClient, swishy: dict[str, Any]) -> None:
    again = define(client, formula="x*sigmoid(b*x)", title="Another title")
    assert (again.status_code, again.json()) == (200, swishy)
    for other in ({"formula": "b*x"}, {"parameters": {"b": {"default": 2}}}, {"name": "relu"}):
        response = define(client, **other)
        assert (response.status_code, response.json()["code"]) == (409, "activation_exists"), other
    assert list_names(client) == ["swishy"]


def test_of_two_at_once_one_is_stored(client: TestClient) -> None:
    with ThreadPoolExecutor(4) as pool:
        formulas = [{"formula": f"{1 + number % 2}*b*x"} for number in range(8)]
        codes = [response.status_code for response in pool.map(lambda given: define(client, **given), formulas)]
    assert sorted(codes) == [200] * 3 + [201] + [409] * 4
    assert list_names(client) == ["swishy"]


def test_more_than_an_owner_may_have_are_refused(app: FastAPI, client: TestClient, swishy: dict[str, Any]) -> None:
    change_settings(app, max_activations_per_owner=1)
    response = define(client, name="second")
    assert (response.status_code, response.json()["code"]) == (409, "too_many_activations")
    assert define(client).json() == swishy


def test_the_list_is_read_page_by_page(client: TestClient) -> None:
    for name in ("c", "a", "b"):
        define(client, name=name)
    first = client.get("/v1/activations?limit=2").json()
    second = client.get("/v1/activations", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [each["name"] for each in first["data"]] == [*catalog.ACTIVATIONS, "c", "a"]
    assert ([each["name"] for each in second["data"]], second["next_cursor"]) == (["b"], None)
    assert client.get("/v1/activations?cursor=x").json()["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    ("given", "pointer", "column"),
    [
        ({"formula": "x*(b + "}, "/formula", 8),
        ({"formula": "x*b +* 2"}, "/formula", 6),
        ({"formula": "x*c"}, "/formula", 3),
        ({"formula": "b*__import__"}, "/formula", 3),
        ({"formula": "b*x" + "x" * 998}, "/formula", 1001),
        ({"formula": ""}, "/formula", 1),
        ({"formula": 5}, "/formula", None),
        ({"formula": "x"}, "/parameters/b", None),
        ({"parameters": {}}, "/formula", 14),
        ({"parameters": {"b": {}}}, "/parameters/b/default", None),
        ({"parameters": {"b": {"default": 1, "minimum": 2}}}, "/parameters/b/default", None),
        ({"parameters": {"b": {"default": 1, "minimum": 2, "maximum": 0}}}, "/parameters/b/minimum", None),
        ({"parameters": {"b": {"default": True}}}, "/parameters/b/default", None),
        ({"parameters": {"b": {"default": 1, "description": "x" * 301}}}, "/parameters/b/description", None),
        ({"formula": "x*start", "parameters": {"start": {"default": 1}}}, "/parameters/start", None),
        ({"parameters": {"x": {"default": 1}}}, "/parameters/x", None),
        ({"parameters": {f"p{number}": {"default": 1} for number in range(9)}}, "/parameters", None),
        ({"title": ""}, "/title", None),
        ({"title": "x" * 101}, "/title", None),
        ({"name": "Swishy"}, "/name", None),
        ({"name": "a" * 41}, "/name", None),
        ({"name": "swishy\n"}, "/name", None),
        ({"name": "preview"}, "/name", None),
        ({"colour": "red"}, "/colour", None),
    ],
)
def test_what_is_wrong_is_pointed_at(
    static: TestClient, given: dict[str, Any], pointer: str, column: int | None
) -> None:
    response = define(static, **given)
    assert refused_pointers(response) == [pointer]
    assert response.json()["errors"][0].get("column") == column


def test_a_refusal_says_what_is_allowed(static: TestClient) -> None:
    (error,) = define(static, formula="x*b + swish(x)").json()["errors"]
    assert error["column"] == 7
    assert "sigmoid" in error["message"], "the functions that there are"


# --- preview


def test_a_preview_is_what_would_be_stored_and_stores_nothing(client: TestClient, app: FastAPI) -> None:
    body = {name: value for name, value in SWISHY.items() if name != "name"}
    with record_statements(app.state.sessions) as sent:
        previewed = client.post("/v1/activations/preview", json=body).json()
    assert name_targets(sent) == []
    assert list_names(client) == []
    stored = define(client, title="preview").json()
    assert previewed == {**{key: value for key, value in stored.items() if key not in {"name", "owner"}}, "curve": None}


def test_a_preview_has_the_curve_that_was_asked_for(static: TestClient) -> None:
    body = {"formula": "max(x, 0) + 1/x", "curve": {"start": -1, "stop": 1, "points": 3}}
    curve = static.post("/v1/activations/preview", json=body).json()["curve"]
    assert (curve["x"], curve["value"]) == ([-1, 0, 1], [-1, None, 2])
    assert curve["non_finite"]["/value/1"] == "pole"
    assert "jumps" not in curve, "of a derivative that has no limit there"
    backwards = {**body, "curve": {"start": 1, "stop": 1}}
    assert refused_pointers(static.post("/v1/activations/preview", json=backwards)) == ["/curve/stop"]


def test_a_derivative_too_long_to_be_set_is_text(static: TestClient) -> None:
    nested = "x"
    for _ in range(40):
        nested = f"sin({nested})"
    found = static.post("/v1/activations/preview", json={"formula": nested}).json()
    assert found["derivative_latex"] is found["derivative_mathml"] is None
    assert found["derivative"].count("cos") == 40
    assert "sin" in found["formula_latex"]


@pytest.mark.parametrize("name", [*catalog.ACTIVATIONS])
def test_the_catalogs_formulas_can_be_previewed(client: TestClient, name: str) -> None:
    found = client.get(f"/v1/activations/{name}").json()
    numbers = {each["name"]: {"default": each["default"]} for each in found["parameters"] if not each["choices"]}
    body = {"formula": found["formula"], "parameters": numbers, "curve": {"points": 11}}
    previewed = client.post("/v1/activations/preview", json=body).json()
    assert (previewed["formula"], previewed["derivative"]) == (found["formula"], found["derivative"])
    own = client.get(f"/v1/activations/{name}/curve", params={"points": 11}).json()
    assert previewed["curve"]["value"] == pytest.approx(own["value"], rel=1e-12)


# --- evaluate and curve


@pytest.mark.usefixtures("swishy")
def test_a_formula_is_evaluated_with_its_parameters(client: TestClient) -> None:
    asked = {"x": [-1000.0, 0.0, 2.0], "parameters": {"b": 0.5}}
    found = client.post("/v1/activations/swishy/evaluate", json=asked).json()
    assert found["parameters"] == {"b": 0.5}
    assert found["value"] == pytest.approx([-1000 * 7.124576406741286e-218, 0.0, 1.4621171572600098], rel=1e-12)
    assert refused_pointers(
        client.post("/v1/activations/swishy/evaluate", json={**asked, "parameters": {"b": 11}})
    ) == ["/parameters/b"]


def test_a_point_without_a_value_is_null_with_its_reason(client: TestClient) -> None:
    define(client, formula="b*log(x) + 1/(x - 1)")
    found = client.post("/v1/activations/swishy/evaluate", json={"x": [-1.0, 1.0, 2.0]}).json()
    assert (found["value"][:2], found["derivative"][:2]) == ([None, None], [None, None])
    assert {place: found["non_finite"][place] for place in ("/value/0", "/value/1")} == {
        "/value/0": "undefined",
        "/value/1": "pole",
    }
    assert found["value"][2] == pytest.approx(1.6931471805599454, rel=1e-12)
    rows = client.post(
        "/v1/activations/swishy/evaluate", json={"x": [-1.0, 2.0]}, headers={"Accept": "text/csv"}
    ).text.splitlines()
    assert rows[1] == "-1.0,nan,nan"


@pytest.mark.usefixtures("swishy")
def test_a_curve_takes_the_formulas_parameters_and_comes_in_every_format(client: TestClient) -> None:
    path = "/v1/activations/swishy/curve?b=2&points=5"
    curve = client.get(path).json()
    assert (curve["parameters"], curve["x"]) == ({"b": 2}, [-5, -2.5, 0, 2.5, 5])
    _, *rows = csv.reader(io.StringIO(client.get(f"{path}&format=csv").text, newline=""))
    assert [float(row[1]) for row in rows] == curve["value"]
    assert "swishy (b = 2.0)" in client.get(f"{path}&format=svg").text
    assert client.get(f"{path}&format=png").content.startswith(b"\x89PNG")
    assert refused_pointers(client.get("/v1/activations/swishy/curve?b=11")) == ["/b"]
    assert refused_pointers(client.get("/v1/activations/swishy/curve?c=1")) == ["/c"]
    assert client.get("/v1/activations/swishy/curve?points=300").status_code == 200, "in the threads of heavy work"


@pytest.mark.usefixtures("swishy")
def test_several_are_drawn_by_one_query(app: FastAPI, client: TestClient) -> None:
    define(client, name="other", formula="b*log(x)")
    with record_statements(app.state.sessions) as sent:
        drawn = client.get("/v1/activations/plot.svg?names=relu,swishy,other&of=derivative").text
    assert name_targets(sent) == ["SELECT activations"]
    assert all(f">{name}<" in drawn for name in ("relu", "swishy", "other"))
    assert refused_pointers(client.get("/v1/activations/plot.svg?names=relu,swiglu")) == ["/names"]
    assert refused_pointers(client.get("/v1/activations/plot.svg?names=" + ",".join("abcdefghijklmnopqrstuvwxy"))) == [
        "/names"
    ]


# --- wherever an activation is named


@pytest.mark.usefixtures("swishy")
def test_a_chain_and_a_propagation_take_it(client: TestClient) -> None:
    chain = {"activation": "swishy", "weights": [2.0], "pre_activations": [0.0, 1.0], "upstream": 1.0}
    chain |= {"learning_rate": 0.1, "parameter": 0.0}
    found = client.post("/v1/gradients/chain", json=chain).json()
    assert (found["formula"], found["parameters"]) == ("x*sigmoid(b*x)", {"b": 1})
    assert found["factors"][:2] == [0.5, 2.0]
    network = {"activation": "swishy", "parameters": {"b": 2}, "depth": 3, "width": 8, "samples": 4}
    found = client.post("/v1/gradients/propagation", json=network).json()
    assert (found["formula"], len(found["layers"]), found["initializer"]) == ("x*sigmoid(b*x)", 3, "glorot_uniform")
    for path, body in (("chain", chain), ("propagation", network)):
        unknown = client.post(f"/v1/gradients/{path}", json={**body, "activation": "swiglu"})
        assert refused_pointers(unknown) == ["/activation"]
        assert "GET /v1/activations" in unknown.json()["errors"][0]["message"]
    assert refused_pointers(client.post("/v1/gradients/chain", json={**chain, "parameters": {"b": 11}})) == [
        "/parameters/b"
    ]


def test_a_long_formula_propagates_through_fewer_units(static: TestClient) -> None:
    formula = "+".join(f"sin({number}*x)" for number in range(1, 46))
    network = {"activation": "mine", "formula": formula, "depth": 200, "width": 256, "samples": 1024}
    response = static.post("/v1/gradients/propagation", json=network)
    assert refused_pointers(response) == ["/depth"]
    assert "at most" in response.json()["errors"][0]["message"]


@pytest.mark.usefixtures("swishy")
def test_a_job_has_the_formula_and_is_listed_by_the_name(client: TestClient) -> None:
    job = post_job(client, activation="swishy", parameters={"b": 2})
    assert (job["spec"]["activation"], job["spec"]["formula"]) == ("swishy", "x*sigmoid(b*x)")
    assert job["spec"]["parameters"] == {"b": 2}
    listed = client.get("/v1/jobs?activation=swishy").json()["data"]
    assert [each["spec"] for each in listed] == [job["spec"]]
    assert refused_pointers(client.post("/v1/jobs", json={"activation": "swiglu"})) == ["/activation"]
    too_steep = {"activation": "swishy", "parameters": {"b": 11}}
    assert refused_pointers(client.post("/v1/jobs", json=too_steep)) == ["/parameters/b"]
    assert refused_pointers(client.post("/v1/jobs", json={"activation": "relu", "formula": "x"})) == ["/formula"]
    faulty = client.post("/v1/jobs", json={"activation": "mine", "formula": "x+"})
    assert (refused_pointers(faulty), faulty.json()["errors"][0]["column"]) == (["/formula"], 3)


@pytest.mark.usefixtures("swishy")
def test_a_sweep_finds_all_its_activations_by_one_query(app: FastAPI, client: TestClient) -> None:
    define(client, name="other", formula="b*x")
    with record_statements(app.state.sessions) as sent:
        sweep = post_sweep(client, activations=["relu", "swishy", "other"], base={"epochs": 1}, seeds=[0, 1])
    assert name_targets(sent).count("SELECT activations") == 1
    assert [row["activation"] for row in sweep["configurations"]] == ["relu", "swishy", "other"]
    data = client.get("/v1/jobs", params={"sweep_id": sweep["id"]}).json()["data"]
    assert {each["spec"]["activation"]: each["spec"]["formula"] for each in data} == {
        "relu": None,
        "swishy": "x*sigmoid(b*x)",
        "other": "b*x",
    }
    response = client.post("/v1/sweeps", json={"activations": ["relu", "swishy", "swiglu"]})
    assert refused_pointers(response) == ["/activations/2"]


def test_what_is_published_is_compared_with_the_catalog_alone(
    client: TestClient, worker: FakeWorker, swishy: dict[str, Any]
) -> None:
    sweep = post_sweep(client, activations=[swishy["name"]], base={"epochs": 1, "protocol": "article"})
    (job_id,) = sweep["configurations"][0]["job_ids"]
    lease = worker.claim(job_id)
    worker.record(lease, 1)
    worker.succeed(lease)
    found = client.get(f"/v1/sweeps/{sweep['id']}/published").json()
    assert (found["data"], found["departures"]) == ([], [])
    for path in (f"/v1/jobs/{job_id}/plot.svg", f"/v1/sweeps/{sweep['id']}/plot.svg?beside=published"):
        assert "swishy" in client.get(path).text
    history = client.get(f"/v1/sweeps/{sweep['id']}/history?format=csv").text.splitlines()
    assert history[1].split(",")[1] == "swishy"
    compared = client.get(f"/v1/compare?jobs={job_id}").json()["jobs"]
    assert (compared[0]["label"], compared[0]["differences"]) == ("swishy", {})


def test_metrics_count_all_that_clients_define_under_one_name(
    client: TestClient, worker: FakeWorker, swishy: dict[str, Any]
) -> None:
    client.get("/metrics")
    job_id = post_job(client, activation=swishy["name"], epochs=1)["id"]
    lease = worker.claim(job_id)
    worker.record(lease, 1)
    worker.succeed(lease)
    counted = client.get("/metrics").text
    assert 'activation_lab_jobs_ended_total{activation="custom",state="succeeded"} 1.0' in counted
    assert "swishy" not in counted


# --- delete


def test_deletion_waits_for_the_end_of_unfinished_jobs(client: TestClient, swishy: dict[str, Any]) -> None:
    job = post_job(client, activation=swishy["name"])
    response = client.delete("/v1/activations/swishy")
    assert (response.status_code, response.json()["code"]) == (409, "activation_in_use")
    client.post(f"/v1/jobs/{job['id']}/cancel")
    assert client.delete("/v1/activations/swishy").status_code == 204
    assert client.delete("/v1/activations/swishy").status_code == 404
    assert client.get("/v1/activations/swishy").status_code == 404
    assert list_names(client) == []


def test_a_job_needs_no_activation_after_it_was_accepted(client: TestClient, swishy: dict[str, Any]) -> None:
    asked = {"activation": swishy["name"], "epochs": 1}
    job = client.post("/v1/jobs", json=asked, headers={"Idempotency-Key": "k"}).json()
    sweep_key, sweep_asked = {"Idempotency-Key": "s"}, {"activations": [swishy["name"]]}
    sweep = client.post("/v1/sweeps", json=sweep_asked, headers=sweep_key).json()
    client.post(f"/v1/jobs/{job['id']}/cancel")
    client.post(f"/v1/sweeps/{sweep['id']}/cancel")
    client.delete("/v1/activations/swishy")

    assert client.post(f"/v1/jobs/{job['id']}/retry").json()["spec"] == job["spec"]
    assert client.post("/v1/jobs", json=job["spec"]).json()["spec"] == job["spec"]
    replayed = client.post("/v1/jobs", json=asked, headers={"Idempotency-Key": "k"})
    assert (replayed.json()["id"], replayed.headers["Idempotency-Replayed"]) == (job["id"], "true")
    replayed = client.post("/v1/sweeps", json=sweep_asked, headers=sweep_key)
    assert (replayed.json()["id"], replayed.headers["Idempotency-Replayed"]) == (sweep["id"], "true")
    assert refused_pointers(client.post("/v1/jobs", json=asked)) == ["/activation"]
    define(client, formula="b*x")
    assert client.post("/v1/jobs", json=asked).json()["spec"]["formula"] == "b*x"
    assert client.get(f"/v1/jobs/{job['id']}").json()["spec"] == job["spec"]


# --- keys


@pytest.mark.usefixtures("with_keys")
def test_another_owners_activation_is_as_if_it_did_not_exist(
    client: TestClient, anna: Headers, bob: Headers, admin: Headers, reader: Headers
) -> None:
    assert define(client, anna).json()["owner"] == "anna"
    assert [list_names(client, each) for each in (anna, bob, admin, reader)] == [["swishy"], [], ["swishy"], ["swishy"]]
    for path in ("", "/curve"):
        codes = [client.get(f"/v1/activations/swishy{path}", headers=each).status_code for each in (anna, bob, admin)]
        assert codes == [200, 404, 200]
    assert client.delete("/v1/activations/swishy", headers=bob).status_code == 404
    for path, body in (("jobs", {"activation": "swishy"}), ("sweeps", {"activations": ["swishy"]})):
        refused = client.post(f"/v1/{path}", json=body, headers=bob)
        assert "unknown activation 'swishy'" in refused.json()["detail"]
    assert refused_pointers(client.get("/v1/activations/plot.svg?names=swishy", headers=bob)) == ["/names"]
    job = post_job(client, headers=admin, activation="swishy")
    assert job["spec"]["formula"] == "x*sigmoid(b*x)"


@pytest.mark.usefixtures("with_keys")
def test_owners_may_give_their_activations_the_same_name(
    client: TestClient, anna: Headers, bob: Headers, admin: Headers
) -> None:
    for headers, formula in ((anna, "b*x"), (bob, "b*x^2")):
        assert define(client, headers, formula=formula).status_code == 201
    formulas = [client.get("/v1/activations/swishy", headers=each).json()["formula"] for each in (anna, bob, admin)]
    assert formulas == ["b*x", "b*x^2", "b*x"], "an admin finds the oldest"
    define(client, admin, formula="b*x^3")
    assert client.get("/v1/activations/swishy", headers=admin).json()["formula"] == "b*x^3"
    data = client.get("/v1/activations", headers=admin).json()["data"][len(catalog.ACTIVATIONS) :]
    assert [each["owner"] for each in data] == ["anna", "bob", "root"]
    assert client.delete("/v1/activations/swishy", headers=admin).status_code == 204
    assert list_names(client, anna) == list_names(client, bob) == ["swishy"]


@pytest.mark.usefixtures("with_keys")
def test_a_key_that_reads_previews_and_defines_nothing(client: TestClient, anna: Headers, reader: Headers) -> None:
    assert client.post("/v1/activations/preview", json={"formula": "x"}, headers=reader).status_code == 200
    assert define(client, reader).status_code == 403
    define(client, anna)
    assert client.delete("/v1/activations/swishy", headers=reader).status_code == 403


def test_the_contract_covers_what_is_answered(app: FastAPI, client: TestClient, swishy: dict[str, Any]) -> None:
    declared = app.openapi()["components"]["schemas"]
    assert swishy.keys() == declared["ActivationOut"]["properties"].keys()
    previewed = client.post("/v1/activations/preview", json={"formula": "x"})
    assert json.loads(previewed.text).keys() == declared["PreviewOut"]["properties"].keys()
