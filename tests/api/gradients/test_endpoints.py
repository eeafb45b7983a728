"""The article's worked examples over HTTP, and the same for any input."""

import csv
import io
import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from httpx import Response
from starlette.testclient import TestClient

from activations import catalog
from api.gradients.models import MAX_WORK
from api.http.formats import Format
from api.main import create_app
from api.plots.drawings import Drawing
from api.plots.panels import Line, Panel
from runtime.settings import Settings

app = create_app(Settings(database_url="sqlite://", allowed_hosts="testserver"))
client = TestClient(app, base_url="http://testserver/v1/gradients")

EXPLODING = {
    "activation": "sigmoid",
    "weights": [100, 100, 100],
    "pre_activations": [0, 0, 0, 0],
    "upstream": 1,
    "learning_rate": 0.5,
    "parameter": 1.56,
}
CLIP = {"gradient": [3.0, -4.0], "by": "norm", "threshold": 1.0}
SMALL = {"activation": "selu", "depth": 5, "width": 16, "samples": 8}
EACH = pytest.mark.parametrize(("path", "body"), [("/chain", EXPLODING), ("/clip", CLIP), ("/propagation", SMALL)])
SVG = "{http://www.w3.org/2000/svg}"


def post(path: str, body: object, **query: object) -> Response:
    return client.post(path, json=body, params=query)


def answered(path: str, body: object) -> Any:
    response = post(path, body)
    assert response.status_code == 200, response.text
    return response.json()


def without(body: dict[str, Any], *names: str, **changes: object) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names} | changes


# --- chain


def test_a_chain_gives_every_factor_every_layer_and_the_step():
    assert answered("/chain", EXPLODING) == {
        "activation": "sigmoid",
        "formula": None,
        "parameters": {},
        "factors": [0.25, 100, 0.25, 100, 0.25, 100, 0.25, 1],
        "gradient": 3906.25,
        "clipped_gradient": 3906.25,
        "updated_parameter": -1951.565,
        "parameter_float32": 1.559999942779541,
        "updated_parameter_float32": -1951.56494140625,
        "layers": [
            {"layer": 1, "pre_activation": 0, "derivative": 0.25, "gradient": 3906.25},
            {"layer": 2, "pre_activation": 0, "derivative": 0.25, "gradient": 156.25},
            {"layer": 3, "pre_activation": 0, "derivative": 0.25, "gradient": 6.25},
            {"layer": 4, "pre_activation": 0, "derivative": 0.25, "gradient": 0.25},
        ],
    }


@pytest.mark.parametrize("by", ["value", "norm"])
def test_a_clipped_chain_takes_a_bounded_step(by: str):
    found = answered("/chain", EXPLODING | {"clip": {"by": by, "threshold": 0.5}})
    assert (found["gradient"], found["clipped_gradient"], found["updated_parameter"]) == (3906.25, 0.5, 1.31)
    found = answered("/chain", EXPLODING | {"upstream": -1, "clip": {"by": by, "threshold": 0.5}})
    assert found["clipped_gradient"] == -0.5


def test_the_activations_parameters_count():
    body = without(EXPLODING, activation="elu", parameters={"alpha": 0.5}, pre_activations=[-1, 0, 1, 2])
    found = answered("/chain", body)
    assert found["parameters"] == {"alpha": 0.5}
    assert [layer["derivative"] for layer in found["layers"]] == [0.5 * math.exp(-1), 0.5, 1, 1]


def test_a_single_layer_has_no_weights_between():
    body = without(EXPLODING, "pre_activations", weights=[], activation_derivatives=[0.25])
    found = answered("/chain", body)
    assert (found["factors"], found["gradient"]) == ([0.25, 1], 0.25)
    assert found["layers"] == [{"layer": 1, "pre_activation": None, "derivative": 0.25, "gradient": 0.25}]


def test_what_is_beyond_float64_is_null_and_named():
    body = without(EXPLODING, "pre_activations", weights=[1e300], activation_derivatives=[1, 1], upstream=-1e300)
    found = answered("/chain", body)
    assert found["gradient"] is found["updated_parameter"] is None
    assert found["non_finite"] == {
        "/gradient": "-inf",
        "/clipped_gradient": "-inf",
        "/updated_parameter": "inf",
        "/updated_parameter_float32": "inf",
    }
    assert found["layers"][0]["non_finite"] == {"/gradient": "-inf"}
    assert "non_finite" not in found["layers"][1]


def test_a_chain_may_have_a_thousand_layers_and_no_more():
    found = answered("/chain", EXPLODING | {"weights": [4] * 999, "pre_activations": [0] * 1000})
    assert found["gradient"] == 0.25
    assert refused(post("/chain", EXPLODING | {"weights": [1] * 1000, "pre_activations": [0] * 1001})) == [
        "/weights",
        "/pre_activations",
    ]


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"activation": "SwiGLU"}, ["/activation"]),
        ({"parameters": {"alpha": 1.0}}, ["/parameters/alpha"]),
        ({"activation": "elu", "parameters": {"alpha": 0}}, ["/parameters/alpha"]),
        ({"weights": [1]}, ["/weights"]),
        ({"weights": []}, ["/weights"]),
        ({"weights": [1, "2", True]}, ["/weights/1"]),
        ({"pre_activations": []}, ["/pre_activations"]),
        ({"pre_activations": None}, ["/pre_activations"]),
        ({"activation_derivatives": [1, 1, 1, 1]}, ["/pre_activations"]),
        ({"pre_activations": [0, None, 0, 0]}, ["/pre_activations/1"]),
        ({"upstream": "1"}, ["/upstream"]),
        ({"learning_rate": 0}, ["/learning_rate"]),
        ({"learning_rate": 1001}, ["/learning_rate"]),
        ({"parameter": None}, ["/parameter"]),
        ({"clip": {"by": "size"}}, ["/clip/by"]),
        ({"clip": {"threshold": -1}}, ["/clip/threshold"]),
        ({"clip": {"treshold": 1}}, ["/clip/treshold"]),
        ({"bias": 1}, ["/bias"]),
    ],
)
def test_what_is_wrong_with_a_chain_is_pointed_at(changes: dict[str, Any], pointers: list[str]):
    assert refused(post("/chain", EXPLODING | changes)) == pointers


@pytest.mark.parametrize("name", ["weights", "upstream", "learning_rate", "parameter", "activation"])
def test_what_a_chain_lacks_is_named(name: str):
    assert refused(post("/chain", without(EXPLODING, name))) == [f"/{name}"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 400])
@pytest.mark.parametrize("name", ["upstream", "parameter", "learning_rate"])
def test_a_number_that_is_not_finite_is_refused(name: str, number: str):
    text = json.dumps(EXPLODING | {name: "HERE"}).replace('"HERE"', number)
    response = client.post("/chain", content=text, headers={"Content-Type": "application/json"})
    assert refused(response) == [f"/{name}"]


# --- examples


def test_the_examples_are_the_articles_three_with_its_numbers():
    found = {example["name"]: example["cases"] for example in client.get("/examples").json()["data"]}
    assert list(found) == ["vanishing", "exploding", "dead-relu"]
    vanishing = found["vanishing"][0]["result"]
    assert vanishing["gradient"] == 4.38e-8
    assert vanishing["updated_parameter"] == 0.1999999781
    assert f"{vanishing['updated_parameter_float32']:.12f}" == "0.199999988079"
    assert [case["result"]["updated_parameter"] for case in found["exploding"]] == [-1951.565, -798.44, -48.44]
    assert found["exploding"][0]["result"]["gradient"] == 3906.25
    dead = found["dead-relu"][0]["result"]
    assert (dead["gradient"], dead["updated_parameter"]) == (0, 1.56)


def test_one_example_shows_a_weight_that_float32_does_not_move():
    still = client.get("/examples/vanishing").json()["cases"][1]["result"]
    assert still["updated_parameter_float32"] == still["parameter_float32"]
    assert still["updated_parameter"] < 0.2


@pytest.mark.parametrize("name", ["vanishing", "exploding", "dead-relu"])
def test_an_examples_requests_can_be_sent_as_they_are(name: str):
    example = client.get(f"/examples/{name}").json()
    assert example in client.get("/examples").json()["data"]
    for case in example["cases"]:
        assert answered("/chain", case["request"]) == case["result"]


def test_an_unknown_example_is_404_and_names_the_known_ones():
    response = client.get("/examples/shrinking")
    assert response.status_code == 404
    assert response.json()["detail"] == "unknown example 'shrinking'; known: vanishing, exploding, dead-relu"


def test_an_example_as_csv_names_its_cases():
    rows = rows_of(client.get("/examples/exploding?format=csv"))
    assert len(rows) == 12
    assert rows[0] == {
        "case": "The bound: every slope 0.25, as at z = 0",
        "layer": "1",
        "pre_activation": "",
        "derivative": "0.25",
        "gradient": "3906.25",
    }


# --- clip


def test_clipping_by_norm_rescales():
    assert answered("/clip", {"gradient": [3, -4], "by": "norm", "threshold": 2.5}) == {
        "gradient": [3, -4],
        "norm": 5,
        "clipped": [1.5, -2],
        "scale": 0.5,
    }


def test_clipping_by_value_bounds_each_element_and_has_no_scale():
    found = answered("/clip", {"gradient": [3, -4, 0.25], "by": "value", "threshold": 0.5})
    assert (found["clipped"], found["scale"]) == ([0.5, -0.5, 0.25], None)
    assert "non_finite" not in found


def test_a_short_gradient_is_left_alone():
    assert answered("/clip", {"gradient": [0.3, -0.4], "by": "norm", "threshold": 0.5})["clipped"] == [0.3, -0.4]


def test_a_norm_beyond_float64_is_named():
    found = answered("/clip", {"gradient": [1.7e308, -1.7e308], "by": "norm", "threshold": 1})
    assert found["non_finite"] == {"/norm": "inf"}
    assert found["clipped"] == pytest.approx([math.sqrt(0.5), -math.sqrt(0.5)])


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"gradient": []}, "/gradient"),
        ({"gradient": [1.0] * 100_001}, "/gradient"),
        ({"gradient": [1, "x"] * 1000}, "/gradient/1"),
        ({"by": "length"}, "/by"),
        ({"threshold": 0}, "/threshold"),
        ({"treshold": 1}, "/treshold"),
    ],
)
def test_what_is_wrong_with_a_clip_is_pointed_at(changes: dict[str, Any], pointer: str):
    assert refused(post("/clip", CLIP | changes)) == [pointer]


def test_a_hundred_thousand_elements_are_clipped():
    assert answered("/clip", {"gradient": [1.0] * 100_000, "by": "norm", "threshold": 1})["scale"] == 1 / 100_000**0.5


# --- propagation


def test_a_propagation_repeats_what_it_was_asked_and_has_a_row_a_layer():
    found = answered("/propagation", SMALL)
    filled_in = {"formula": None, "parameters": {}, "initializer": "lecun_normal", "seed": 0}
    assert without(found, "layers") == SMALL | filled_in
    assert [layer["layer"] for layer in found["layers"]] == [1, 2, 3, 4, 5]
    assert set(found["layers"][0]) == {
        "layer",
        "activation_mean",
        "activation_variance",
        "gradient_norm",
        "dead_fraction",
        "saturated_fraction",
    }


@pytest.mark.parametrize("name", catalog.ACTIVATIONS)
def test_every_activation_propagates_with_its_defaults(name: str):
    found = answered("/propagation", SMALL | {"activation": name})
    assert found["parameters"] == catalog.find(name).complete({})
    assert found["initializer"] == ("lecun_normal" if name == "selu" else "glorot_uniform")


def test_one_call_shows_selus_fixed_point_and_another_how_it_is_missed():
    kept, lost = (answered("/propagation", {"activation": "selu", "initializer": i}) for i in ("auto", "he_normal"))
    assert all(abs(layer["activation_mean"]) < 0.15 for layer in kept["layers"])
    assert all(0.7 < layer["activation_variance"] < 1.5 for layer in kept["layers"])
    assert lost["layers"][-1]["activation_variance"] > 10


def test_one_call_shows_a_gradient_that_vanishes():
    layers = answered("/propagation", {"activation": "sigmoid"})["layers"]
    assert 0 < layers[0]["gradient_norm"] < 1e-20 * layers[-1]["gradient_norm"]


def test_the_seed_repeats_the_draw():
    assert answered("/propagation", SMALL) == answered("/propagation", SMALL)
    assert answered("/propagation", SMALL) != answered("/propagation", SMALL | {"seed": 1})


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"activation": "SwiGLU"}, "/activation"),
        ({"depth": 0}, "/depth"),
        ({"depth": 201}, "/depth"),
        ({"width": 1025}, "/width"),
        ({"width": 16.5}, "/width"),
        ({"samples": 0}, "/samples"),
        ({"samples": 1025}, "/samples"),
        ({"initializer": "zeros"}, "/initializer"),
        ({"seed": -1}, "/seed"),
        ({"seed": 2**32}, "/seed"),
        ({"layers": 3}, "/layers"),
    ],
)
def test_what_is_wrong_with_a_propagation_is_pointed_at(changes: dict[str, Any], pointer: str):
    assert refused(post("/propagation", SMALL | changes)) == [pointer]


def test_more_work_than_the_bound_is_refused_with_the_bound():
    response = post("/propagation", SMALL | {"depth": 200, "width": 1024, "samples": 65})
    assert refused(response) == ["/depth"]
    assert response.json()["errors"][0]["message"] == (
        f"depth * width * width * samples is 13,631,488,000; at most {MAX_WORK:,}"
    )
    assert answered("/propagation", SMALL | {"depth": 1, "width": 1024, "samples": 1024})["depth"] == 1


def test_concurrent_propagations_are_all_answered():
    with ThreadPoolExecutor(8) as pool, TestClient(app, base_url="http://testserver/v1/gradients") as shared:
        responses = [*pool.map(lambda seed: shared.post("/propagation", json=SMALL | {"seed": seed}), range(16))]
    assert [response.json() for response in responses] == [
        answered("/propagation", SMALL | {"seed": seed}) for seed in range(16)
    ]


# --- formats


def test_csv_has_the_same_numbers():
    for path, body, rows in (
        ("/chain", EXPLODING, answered("/chain", EXPLODING)["layers"]),
        ("/propagation", SMALL, answered("/propagation", SMALL)["layers"]),
    ):
        found = rows_of(client.post(path, json=body, headers={"Accept": "text/csv"}))
        assert [{name: float(cell) for name, cell in row.items()} for row in found] == rows
    found = rows_of(post("/clip", CLIP, format="csv"))
    assert found == [{"gradient": "3.0", "clipped": "0.6000000000000001"}, {"gradient": "-4.0", "clipped": "-0.8"}]


@EACH
def test_svg_is_well_formed_labelled_and_the_same_every_time(path: str, body: object):
    response = client.post(path, json=body, headers={"Accept": "image/svg+xml"})
    assert response.headers["content-type"] == "image/svg+xml"
    texts = [text.text for text in ET.fromstring(response.content).iter(f"{SVG}text")]
    assert {"layer", "gradient, element by element"} & set(texts)
    assert post(path, body, format="svg").content == response.content


@EACH
def test_png_is_a_png(path: str, body: object):
    response = post(path, body, format="png")
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-disposition"] == f'inline; filename="{path[1:]}.png"'
    assert response.content.startswith(b"\x89PNG\r\n")


@EACH
def test_caches_keep_the_formats_apart_and_others_are_refused(path: str, body: object):
    assert {post(path, body, format=kind).headers["vary"] for kind in ("json", "csv", "svg", "png")} == {"Accept"}
    assert refused(post(path, body, format="parquet")) == ["/format"]
    assert client.post(path, json=body, headers={"Accept": "application/pdf"}).status_code == 406


@pytest.mark.parametrize("name", ["vanishing", "exploding", "dead-relu"])
def test_an_example_can_be_drawn(name: str):
    assert client.get(f"/examples/{name}?format=png").content.startswith(b"\x89PNG")
    drawing = ET.fromstring(client.get(f"/examples/{name}", headers={"Accept": "image/svg+xml"}).content)
    texts = {text.text for text in drawing.iter(f"{SVG}text")}
    assert client.get(f"/examples/{name}").json()["title"] in texts


@pytest.mark.parametrize(
    "y",
    [
        [0.0, 0.0],
        [0.0, 1.0],
        [5e-324, 1.7e308],
        [0.0, 1e-200, 1e200],
        [math.inf, math.nan],
        [math.inf, 0.0, 3.0],
        [1e-200, 1e200],
        [-0.0],
    ],
)
@pytest.mark.parametrize("log", [True, False])
def test_no_numbers_are_too_odd_to_draw(y: list[float], log: bool):  # noqa: FBT001
    panel = Panel(xlabel="x", ylabel="y", lines=[Line("", range(len(y)), y)], log=log, integers=True)
    for kind in (Format.SVG, Format.PNG):
        assert Drawing("odd", [panel]).render(kind)


def test_numbers_that_the_axes_cannot_show_are_counted():
    assert b"2 not shown: beyond the axes" in post("/clip", CLIP | {"gradient": [1.7e308, 1]}, format="svg").content


def test_zero_has_a_place_on_a_logarithmic_axis():
    drawing = client.get("/examples/dead-relu?format=svg").text
    assert "not shown" not in drawing
    assert ">0</text>" in drawing  # its tick


# --- OpenAPI


def test_the_contract_covers_what_is_answered():
    declared = app.openapi()["components"]["schemas"]
    overflow = without(EXPLODING, "pre_activations", weights=[1e300], activation_derivatives=[1, 1], upstream=1e300)
    chain = answered("/chain", overflow)
    assert set(chain) == set(declared["Chain"]["properties"])
    assert set(chain["layers"][0]) == set(declared["ChainLayer"]["properties"])
    assert set(answered("/propagation", SMALL)) == set(declared["Propagation"]["properties"])
    for path in ("/chain", "/clip", "/propagation"):
        operation = app.openapi()["paths"][f"/v1/gradients{path}"]["post"]
        assert set(operation["responses"]["200"]["content"]) == {
            "application/json",
            "text/csv",
            "image/svg+xml",
            "image/png",
        }


def test_the_example_of_a_chain_in_the_contract_can_be_sent():
    (name,) = (
        name for name in app.openapi()["components"]["schemas"] if name.startswith("ChainSpec") and "Out" not in name
    )
    (example,) = app.openapi()["components"]["schemas"][name]["examples"]
    assert answered("/chain", example)["gradient"] == 3906.25


def test_every_number_asked_for_says_its_bounds_and_gives_an_example_or_a_default():
    schemas = app.openapi()["components"]["schemas"]
    for name in ("PropagationSpec", "ClipSpec"):
        for field, schema in schemas[name]["properties"].items():
            assert schema.get("description"), (name, field)
            assert "default" in schema or "examples" in schema, (name, field)
            if schema.get("type") in {"integer", "number"}:
                assert "maximum" in schema, (name, field)


def rows_of(response: Response) -> list[dict[str, str]]:
    assert response.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


def refused(response: Response) -> list[str]:
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return [error["pointer"] for error in response.json()["errors"]]
