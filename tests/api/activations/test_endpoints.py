"""The catalog, evaluations and curves over HTTP."""

import csv
import io
import json
import math
import random
import sys
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from httpx import Response
from starlette.testclient import TestClient

from activations import catalog
from api.activations import curves
from api.activations.curves import Grid
from api.main import create_app
from api.plots import drawings, plotting
from runtime.settings import Settings

app = create_app(Settings(database_url="sqlite://", allowed_hosts="testserver"))
client = TestClient(app, base_url="http://testserver/v1/activations")


def evaluate(name: str, body: object, **request: Any) -> Response:  # httpx's arguments
    return client.post(f"/{name}/evaluate", json=body, **request)


def curve(name: str, **query: object) -> Response:
    return client.get(f"/{name}/curve", params=query)


def test_an_activation_has_the_fields_of_the_contract():
    elu = client.get("/elu").json()
    entry = catalog.find("elu")
    assert elu == {
        "name": "elu",
        "owner": None,
        "title": "Exponential Linear Unit",
        "custom": False,
        "formula": "where(x > 0, x, alpha*(exp(x) - 1))",
        "derivative": "where(x > 0, 1, alpha*exp(x))",
        "formula_latex": entry.formula_latex,
        "formula_mathml": elu["formula_mathml"],
        "derivative_latex": entry.derivative_latex,
        "derivative_mathml": elu["derivative_mathml"],
        "parameters": [
            {
                "name": "alpha",
                "default": 1.0,
                "minimum": 0.001,
                "maximum": 100.0,
                "choices": [],
                "description": entry.parameters[0].description,
            }
        ],
        "range": [-1.0, None],
        "monotonic": True,
        "derivative_at_zero": 1.0,
        "self_normalizing": False,
        "warnings": [],
        "advantages": list(entry.advantages),
        "drawbacks": list(entry.drawbacks),
        "reference": {
            "title": "Fast and Accurate Deep Network Learning by Exponential Linear Units (ELUs)",
            "authors": "Djork-Arné Clevert, Thomas Unterthiner, Sepp Hochreiter",
            "year": 2015,
            "url": "https://arxiv.org/abs/1511.07289",
        },
    }


def test_a_choice_has_choices_and_no_bounds():
    (approximate,) = client.get("/gelu").json()["parameters"]
    assert (approximate["default"], approximate["choices"]) == ("tanh", ["tanh", "none"])
    assert approximate["minimum"] is approximate["maximum"] is None


@pytest.mark.parametrize("name", catalog.ACTIVATIONS)
def test_formulas_are_given_as_mathml(name: str):
    activation = client.get(f"/{name}").json()
    for formula in ("formula_mathml", "derivative_mathml"):
        root = ET.fromstring(activation[formula])
        assert root.tag == "{http://www.w3.org/1998/Math/MathML}math"
        assert "\\" not in "".join(root.itertext())  # a command that was not understood


@pytest.mark.parametrize("path", ["", "/curve"])
def test_an_unknown_activation_is_404_and_names_the_known_ones(path: str):
    response = client.get(f"/SwiGLU{path}")
    assert response.status_code == 404
    assert "sigmoid, relu, elu" in response.json()["detail"]
    assert evaluate("SwiGLU", {"x": "nonsense"}).status_code == 404


# --- evaluate


@pytest.mark.parametrize("name", catalog.ACTIVATIONS)
def test_an_evaluation_is_the_catalogs_to_the_last_bit(name: str):
    x = [random.Random(seed).uniform(-50, 50) for seed in range(500)] + [-0.0, 5e-324, sys.float_info.min]
    entry = catalog.find(name)
    defaults = entry.complete({})
    answer = evaluate(name, {"x": x}).json()
    assert answer == {
        "name": name,
        "parameters": defaults,
        "x": x,
        "value": entry.value(x, **defaults).tolist(),
        "derivative": entry.derivative(x, **defaults).tolist(),
    }


def test_given_parameters_are_used_and_repeated_in_the_answer():
    answer = evaluate("leaky-relu", {"x": [-2], "parameters": {"alpha": 0.25}}).json()
    assert answer["parameters"] == {"alpha": 0.25}
    assert (answer["value"], answer["derivative"]) == ([-0.5], [0.25])


def test_a_value_beyond_float64_is_null_and_said_to_be_inf():
    answer = evaluate("selu", {"x": [0.0, 1.79e308]}).json()
    assert answer["value"] == [0.0, None]
    assert answer["non_finite"] == {"/value/1": "inf"}


def test_an_evaluation_may_hold_100_000_numbers_and_no_more():
    assert len(evaluate("gelu", {"x": [0.5] * 100_000}).json()["value"]) == 100_000
    assert refused(evaluate("gelu", {"x": [0.5] * 100_001})) == ["/x"]
    assert refused(evaluate("gelu", {"x": []})) == ["/x"]


@pytest.mark.parametrize("item", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 400, '"1"', "true", "null", "[1]"])
def test_x_holds_finite_numbers_and_nothing_else(item: str):
    body = f'{{"x": [1.0, {item}]}}'
    response = client.post("/relu/evaluate", content=body, headers={"Content-Type": "application/json"})
    assert refused(response) == ["/x/1"]


def test_only_the_first_wrong_number_is_reported():
    assert refused(evaluate("relu", {"x": ["wrong"] * 100_000})) == ["/x/0"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/x"),
        ({"x": 1.0}, "/x"),
        ({"x": [1.0], "y": 1}, "/y"),
        ({"x": [1.0], "parameters": []}, "/parameters"),
        ({"x": [1.0], "parameters": {"alpha": 0.0}}, "/parameters/alpha"),
        ({"x": [1.0], "parameters": {"alpha": "1"}}, "/parameters/alpha"),
        ({"x": [1.0], "parameters": {"alpha": True}}, "/parameters/alpha"),
        ({"x": [1.0], "parameters": {"alpha": None}}, "/parameters/alpha"),
        ({"x": [1.0], "parameters": {"beta": 1.0}}, "/parameters/beta"),
    ],
)
def test_what_is_wrong_in_the_body_is_pointed_at(body: object, pointer: str):
    assert refused(evaluate("elu", body)) == [pointer]


# --- curve


def test_a_curve_is_evenly_spaced_and_passes_through_zero():
    answer = curve("elu").json()
    assert (answer["x"][0], answer["x"][100], answer["x"][-1], len(answer["x"])) == (-5.0, 0.0, 5.0, 201)
    assert answer["x"] == [(step - 100) / 20 for step in range(201)]
    assert answer == evaluate("elu", {"x": answer["x"]}).json()


@pytest.mark.parametrize(
    ("start", "stop", "points"),
    [
        (0.1, 0.7, 100_000),
        (-1e300, 1e300, 2),
        (-1e300, 1e300, 100_000),
        (0.1, math.nextafter(0.1, 1), 201),
        (0, 5e-324, 3),
    ],
)
def test_a_curve_ascends_from_exactly_start_to_exactly_stop(start: float, stop: float, points: int):
    x = Grid(start, stop, points).list_numbers()
    assert (x[0], x[-1], len(x)) == (start, stop, points)
    assert (np.diff(x) >= 0).all()
    np.testing.assert_allclose(x, np.linspace(start, stop, points), rtol=0, atol=1e-15 * max(abs(start), abs(stop)))


def test_a_curve_says_where_its_derivative_jumps():
    jump = {"x": 0.0, "below": 0.3, "at": 0.3, "above": 1.0}
    assert curve("leaky-relu", alpha=0.3, points=4).json()["jumps"] == [jump]
    assert "jumps" not in curve("leaky-relu", alpha=1).json()
    assert [jump["x"] for jump in curve("relu6", start=1, stop=6).json()["jumps"]] == [6.0]


@pytest.mark.parametrize("points", [4, 201])
def test_a_drawn_derivative_breaks_off_at_its_jump_and_goes_on_at_the_other_limit(points: int):
    activation = catalog.find("hardswish")
    drawing = curves.draw_curve(activation, {}, Grid(-5, 5, points).list_numbers())
    panel = drawing.panels[0]
    x, y = plotting.break_at(*np.array([panel.lines[1].x, panel.lines[1].y]), panel.lines[1].jumps)
    gaps = np.flatnonzero(np.isnan(y))
    assert [(x[gap], y[gap - 1], y[gap + 1]) for gap in gaps] == [
        (-3, pytest.approx(0), pytest.approx(-0.5)),
        (3, pytest.approx(1.5), pytest.approx(1)),
    ]
    dots = drawings.make_figure(drawing).axes[0].lines
    filled = {(dot.get_xdata()[0], dot.get_ydata()[0]) for dot in dots if dot.get_markerfacecolor() != "white"}
    assert {(-3.0, 0.0), (3.0, 1.0)} <= filled


def test_nothing_is_said_to_be_hidden_where_a_drawing_breaks_off():
    assert not [text for text in texts(curve("relu", format="svg")) if "not shown" in text]


def test_a_curve_takes_the_activations_parameters():
    assert curve("elu", alpha=0.3, points=2).json()["parameters"] == {"alpha": 0.3}
    assert curve("gelu", approximate="none", points=2).json()["parameters"] == {"approximate": "none"}


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ({"start": 1, "stop": 1}, ["/stop"]),
        ({"start": 2, "stop": 1}, ["/stop"]),
        ({"start": "nan"}, ["/start"]),
        ({"stop": "inf"}, ["/stop"]),
        ({"stop": 1e301}, ["/stop"]),
        ({"start": "left"}, ["/start"]),
        ({"points": 1}, ["/points"]),
        ({"points": 100_001}, ["/points"]),
        ({"points": 2.5}, ["/points"]),
        ({"alpha": 101}, ["/alpha"]),
        ({"alpha": "nan"}, ["/alpha"]),
        ({"alpha": "steep"}, ["/alpha"]),
        ({"approximate": "tanh", "colour": "red"}, ["/approximate", "/colour"]),
        ({"format": "parquet"}, ["/format"]),
    ],
)
def test_what_is_wrong_in_the_query_is_pointed_at(query: dict[str, object], pointers: list[str]):
    assert refused(curve("elu", **query)) == pointers


def test_an_unknown_query_parameter_is_named():
    assert curve("gelu", alpha=1).json()["detail"] == "/alpha: gelu has no parameter 'alpha'; it has: approximate"


# --- formats


def test_csv_has_the_same_numbers():
    for response in (
        client.get("/gelu/curve?points=11", headers={"Accept": "text/csv"}),
        client.get("/gelu/curve?points=11&format=csv"),
        evaluate("gelu", {"x": list(range(-5, 6))}, headers={"Accept": "text/csv"}),
    ):
        header, *rows = csv.reader(io.StringIO(response.text, newline=""))
        columns = dict(zip(header, zip(*[map(float, row) for row in rows], strict=True), strict=True))
        expected = curve("gelu", points=11).json()
        assert {name: list(column) for name, column in columns.items()} == {n: expected[n] for n in columns}
        assert list(columns) == ["x", "value", "derivative"]


def test_a_curve_is_saved_under_its_activations_name():
    response = client.get("/leaky-relu/curve?format=csv")
    assert response.headers["content-disposition"] == 'attachment; filename="leaky-relu-curve.csv"'


def test_csv_writes_a_value_beyond_float64_as_inf():
    response = evaluate("selu", {"x": [1.79e308]}, headers={"Accept": "text/csv"})
    assert response.text.splitlines()[1] == "1.79e+308,inf,1.0507009873554805"


def test_what_no_format_satisfies_is_406():
    assert client.get("/gelu/curve", headers={"Accept": "application/x-ndjson"}).status_code == 406


def test_caches_keep_the_formats_apart():
    assert curve("relu").headers["vary"] == "Accept"
    assert curve("relu", format="csv").headers["vary"] == "Accept"


# --- drawings


def texts(response: Response) -> set[str]:
    assert response.headers["content-type"] == "image/svg+xml"
    return {text.strip() for text in ET.fromstring(response.text).itertext() if text.strip()}


def test_a_curve_is_drawn_with_its_derivative_and_its_parameters():
    drawn = texts(curve("elu", alpha=0.3, format="svg"))
    assert {"Exponential Linear Unit (alpha = 0.3)", "f(x)", "f'(x)", "x"} <= drawn
    assert curve("elu", format="png").content.startswith(b"\x89PNG")


def test_the_articles_six_are_drawn_in_one_and_any_others():
    assert {"sigmoid", "relu", "elu", "leaky-relu", "selu", "gelu"} <= texts(client.get("/plot.svg"))
    drawn = texts(client.get("/plot.svg?names=tanh,mish&of=derivative&start=-3&stop=3"))
    assert {"tanh", "mish", "f'(x)"} <= drawn
    assert "relu" not in drawn
    assert client.get("/plot.png").content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("names=relu,SwiGLU", "/names"),
        ("names=relu,relu", "/names"),
        ("names=", "/names"),
        ("of=integral", "/of"),
        ("start=5&stop=-5", "/stop"),
    ],
)
def test_what_cannot_be_drawn_is_refused(query: str, pointer: str):
    assert refused(client.get(f"/plot.svg?{query}")) == [pointer]


# --- OpenAPI


def test_a_curves_query_lists_every_activations_parameters():
    operation = app.openapi()["paths"]["/v1/activations/{name}/curve"]["get"]
    names = {parameter["name"] for parameter in operation["parameters"]}
    assert names == {"name", "start", "stop", "points", "format", "alpha", "approximate"}
    assert {"200", "404", "406", "422"} <= set(operation["responses"])
    assert set(operation["responses"]["200"]["content"]) == {
        "application/json",
        "text/csv",
        "image/svg+xml",
        "image/png",
    }


def test_the_contract_covers_what_is_answered():
    declared = app.openapi()["components"]["schemas"]
    assert set(evaluate("selu", {"x": [1.79e308]}).json()) == set(declared["Evaluation"]["properties"])
    assert json.loads(client.get("/relu").text).keys() == declared["ActivationOut"]["properties"].keys()


def refused(response: Response) -> list[str]:
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return [error["pointer"] for error in response.json()["errors"]]
