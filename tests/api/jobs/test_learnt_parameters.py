"""Parameters that learn: asked for, retried, read in every format and drawn."""

import csv
import io
import json
import math
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from arro3.io import read_parquet
from starlette.testclient import TestClient

from tests.support.fake_worker import FakeWorker
from tests.support.figures import parameter_metrics
from tests.support.submitting import post_job

TRAINABLE = {"parameters": ["alpha"], "per": "channel", "weight_decay": 0.0}
LAYERS = ("conv1", "conv2", "dense1")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def url(client: TestClient, worker: FakeWorker) -> str:
    """Of the learnt parameters of a job with two epochs."""
    lease = worker.claim(post_job(client, activation="elu", trainable=TRAINABLE)["id"])
    worker.start(lease, *(parameter_metrics(0, layer) for layer in LAYERS))
    for epoch in (1, 2):
        worker.record(lease, epoch, parameters=[parameter_metrics(epoch, layer, mean=0.1 * epoch) for layer in LAYERS])
    return f"/v1/jobs/{lease.job_id}/parameters"


def texts(response: Any) -> set[str]:
    assert response.status_code == 200, response.text
    return {"".join(text.itertext()) for text in ET.fromstring(response.content).iter(f"{SVG}text")}


def test_they_are_served_from_the_start_and_by_epoch(client: TestClient, url: str) -> None:
    rows = client.get(url).json()["parameters"]
    assert [(row["epoch"], row["layer"]) for row in rows] == [(epoch, layer) for epoch in range(3) for layer in LAYERS]
    assert rows[0] == {
        "epoch": 0, "layer": "conv1", "parameter": "alpha", "mean": 0.2, "minimum": 0.1, "maximum": 1 / 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "epochs"), [("epoch=0", {0}), ("epoch=2", {2}), ("after_epoch=0", {1, 2}), ("after_epoch=2", set())]
)
def test_they_are_served_of_the_epochs_that_are_asked_for(
    client: TestClient, url: str, query: str, epochs: set[int]
) -> None:
    assert {row["epoch"] for row in client.get(f"{url}?{query}").json()["parameters"]} == epochs


def test_every_format_says_the_same(client: TestClient, url: str) -> None:
    means = [row["mean"] for row in client.get(url).json()["parameters"]]
    assert [float(row["mean"]) for row in csv.DictReader(io.StringIO(client.get(f"{url}?format=csv").text))] == means
    lines = client.get(f"{url}?format=ndjson").text.splitlines()
    assert [json.loads(line)["mean"] for line in lines] == means
    content = client.get(url, headers={"Accept": "application/vnd.apache.parquet"}).content
    assert read_parquet(io.BytesIO(content)).read_all()["mean"].to_pylist() == means


def test_a_value_that_is_not_finite_says_so(client: TestClient, worker: FakeWorker) -> None:
    lease = worker.claim(post_job(client, activation="elu", trainable=TRAINABLE)["id"])
    worker.record(lease, parameters=[parameter_metrics(mean=math.nan, minimum=-math.inf)])
    own = f"/v1/jobs/{lease.job_id}/parameters"
    [row] = client.get(own).json()["parameters"]
    assert (row["mean"], row["minimum"], row["maximum"]) == (None, None, 1 / 3)
    assert row["non_finite"] == {"/mean": "nan", "/minimum": "-inf"}
    assert client.get(f"{own}/plot.svg").status_code == 200


def test_a_job_that_learns_none_has_an_empty_list_and_a_drawing_that_says_so(client: TestClient) -> None:
    job = post_job(client)
    own = job["links"]["parameters"]
    assert client.get(own).json() == {"job_id": job["id"], "parameters": []}
    assert client.get(f"{own}?format=csv").text.splitlines() == ["epoch,layer,parameter,mean,minimum,maximum"]
    assert "no parameter of its activation is learnt" in texts(client.get(f"{own}/plot.svg"))


def test_they_are_drawn_by_layer(client: TestClient, url: str) -> None:
    drawn = texts(client.get(f"{url}/plot.svg"))
    assert {"elu, seed 0: its learnt parameters", "alpha", "epoch", *LAYERS} <= drawn
    assert "mean over the channels of a layer; band from the least value to the greatest" in drawn
    png = client.get(f"{url}/plot.png")
    assert (png.headers["content-type"], png.content[:4]) == ("image/png", b"\x89PNG")


def test_before_the_start_their_drawing_says_so(client: TestClient) -> None:
    job = post_job(client, activation="elu", trainable=TRAINABLE)
    assert {"alpha", "nothing recorded yet"} <= texts(client.get(f"{job['links']['parameters']}/plot.svg"))


def test_a_retry_learns_the_same(client: TestClient) -> None:
    job = post_job(client, activation="elu", trainable=TRAINABLE)
    client.post(job["links"]["cancel"])
    retried = client.post(job["links"]["retry"]).json()
    assert retried["spec"] == job["spec"]
    assert retried["spec"]["trainable"] == TRAINABLE


@pytest.mark.parametrize(
    ("activation", "trainable", "pointer"),
    [
        ("relu", {"parameters": ["alpha"]}, "/trainable/parameters/0"),
        ("gelu", {"parameters": ["approximate"]}, "/trainable/parameters/0"),
        ("elu", {"parameters": ["alpha", "alpha"]}, "/trainable/parameters/1"),
        ("elu", {"parameters": []}, "/trainable/parameters"),
        ("elu", {"parameters": ["alpha"], "per": "unit"}, "/trainable/per"),
        ("elu", {"parameters": ["alpha"], "weight_decay": -1}, "/trainable/weight_decay"),
    ],
)
def test_what_cannot_be_learnt_is_refused(
    client: TestClient, activation: str, trainable: dict[str, Any], pointer: str
) -> None:
    response = client.post("/v1/jobs", json={"activation": activation, "trainable": trainable})
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


SWISHY = {"name": "swishy", "formula": "x*sigmoid(b*x)", "parameters": {"b": {"default": 1.0}}}


def test_a_parameter_of_ones_own_activation_is_learnt(client: TestClient) -> None:
    assert client.post("/v1/activations", json=SWISHY).status_code == 201
    job = post_job(client, activation="swishy", trainable={"parameters": ["b"]})
    assert (job["spec"]["parameters"], job["spec"]["trainable"]["parameters"]) == ({"b": 1.0}, ["b"])
    assert post_job(client, **job["spec"])["spec"] == job["spec"], "also without the stored activation"
    refused = client.post("/v1/jobs", json={"activation": "swishy", "trainable": {"parameters": ["b", "c"]}})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/trainable/parameters/1"]


def test_in_a_sweep_a_parameter_that_one_activation_does_not_have_is_refused_where_it_is_named(
    client: TestClient,
) -> None:
    assert client.post("/v1/activations", json=SWISHY).status_code == 201
    learnt = [None, {"parameters": ["b"]}]
    sweep = {"activations": ["swishy", "elu"], "base": {"epochs": 1}, "grid": {"trainable": learnt}}
    refused = client.post("/v1/sweeps", json=sweep)
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/grid/trainable/1"]
    rows = client.post("/v1/sweeps", json={**sweep, "activations": ["swishy"]}).json()["configurations"]
    assert [row["values"]["trainable"] for row in rows] == learnt
