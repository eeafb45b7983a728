import csv
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.support.fake_worker import FakeWorker
from tests.support.figures import OUTPUT_LAYER, layer_metrics
from tests.support.submitting import post_job

SVG = "{http://www.w3.org/2000/svg}"
Trained = Callable[..., str]


@pytest.fixture
def trained(client: TestClient, worker: FakeWorker) -> Trained:
    """The id of a job with an epoch for each validation loss, each of two seconds."""

    def train(*val_losses: float, job_id: str = "", layers: bool = False, **spec: Any) -> str:
        body = {"activation": "relu", "epochs": 9, **spec}
        job_id = job_id or client.post("/v1/jobs", json=body).json()["id"]
        lease = worker.claim(job_id)
        for epoch, val_loss in enumerate(val_losses, start=1):
            measured = [
                layer_metrics(epoch),
                replace(OUTPUT_LAYER, epoch=epoch, gradient_norm=0.2, update_ratio=float("nan"), clipped_fraction=0.5),
            ]
            worker.record(lease, epoch, val_loss=val_loss, val_accuracy=0.75, layers=measured if layers else ())
        worker.cancel(lease)
        return job_id

    return train


def texts(response: Any) -> set[str]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/svg+xml"
    drawing = ET.fromstring(response.content)
    return {"".join(text.itertext()) for text in drawing.iter(f"{SVG}text")}


# --- compare ---


def test_jobs_are_compared_by_epoch_and_by_time(client: TestClient, trained: Trained) -> None:
    first, second = trained(0.5, 0.25), trained(1 / 3, activation="gelu")
    answer = client.get(f"/v1/compare?jobs={second},{first}").json()
    assert (answer["metric"], answer["x"]) == ("val_loss", "epoch")
    assert answer["jobs"] == [
        {
            "job_id": second,
            "label": "gelu",
            "name": None,
            "activation": "gelu",
            "differences": {},
            "epoch": [1],
            "seconds": [2.0],
            "value": [1 / 3],
        },
        {
            "job_id": first,
            "label": "relu",
            "name": None,
            "activation": "relu",
            "differences": {},
            "epoch": [1, 2],
            "seconds": [2.0, 4.0],
            "value": [0.5, 0.25],
        },
    ]


def test_the_table_says_the_same(client: TestClient, trained: Trained) -> None:
    job_id = trained(1 / 3, 0.25)
    response = client.get(f"/v1/compare?jobs={job_id}&metric=val_loss", headers={"Accept": "text/csv"})
    assert list(csv.DictReader(io.StringIO(response.text))) == [
        {"job_id": job_id, "label": "relu", "epoch": "1", "seconds": "2.0", "val_loss": str(1 / 3)},
        {"job_id": job_id, "label": "relu", "epoch": "2", "seconds": "4.0", "val_loss": "0.25"},
    ]


def test_a_label_says_what_sets_a_job_apart(client: TestClient, trained: Trained) -> None:
    ids = [
        trained(0.1, seed=1),
        trained(0.1, optimizer={"learning_rate": 0.01}),
        trained(0.1, activation="elu", clip=None),
        trained(0.1, metadata={"note": "x"}),
        trained(0.1),
    ]
    curves = client.get(f"/v1/compare?jobs={','.join(ids)}").json()["jobs"]
    found = [curve["label"] for curve in curves]
    clipped = "clip.by value, clip.threshold 0.5"
    assert found == [
        f"relu, optimizer.learning_rate 0.001, {clipped}, seed 1",
        f"relu, optimizer.learning_rate 0.01, {clipped}, seed 0",
        "elu, optimizer.learning_rate 0.001, clip null, seed 0",
        f"relu, optimizer.learning_rate 0.001, {clipped}, seed 0 (…{ids[3][-4:]})",
        f"relu, optimizer.learning_rate 0.001, {clipped}, seed 0 (…{ids[4][-4:]})",
    ]
    assert curves[2]["differences"] == {"optimizer.learning_rate": 0.001, "clip": None, "seed": 0}


def test_a_parameter_sets_apart_only_jobs_of_one_activation(client: TestClient, trained: Trained) -> None:
    ids = [
        trained(0.1, activation="elu"),
        trained(0.1, activation="leaky-relu", parameters={"alpha": 0.1}),
        trained(0.1, activation="leaky-relu"),
    ]
    found = [curve["label"] for curve in client.get(f"/v1/compare?jobs={','.join(ids)}").json()["jobs"]]
    assert found == ["elu", "leaky-relu, parameters.alpha 0.1", "leaky-relu, parameters.alpha 0.2"]


def test_a_value_that_is_not_finite_says_so(client: TestClient, trained: Trained) -> None:
    path = f"/v1/compare?jobs={trained(0.5, float('inf'))}"
    assert "relu" in texts(client.get(f"{path}&format=svg"))
    curve = client.get(path).json()["jobs"][0]
    assert (curve["value"], curve["non_finite"]) == ([0.5, None], {"/value/1": "inf"})
    assert "1 not shown: beyond the axes" in texts(client.get(f"{path}&format=svg"))


@pytest.mark.parametrize("x", ["epoch", "seconds"])
def test_a_comparison_can_be_drawn(client: TestClient, trained: Trained, x: str) -> None:
    path = f"/v1/compare?x={x}&metric=val_accuracy&jobs={trained(0.5, 0.25)},{trained(0.1, activation='gelu')}"
    svg = client.get(f"{path}&format=svg")
    assert {"relu", "gelu", "validation images whose digit is right (%)"} <= texts(svg)
    assert ("seconds of training and validation" in texts(svg)) == (x == "seconds")
    assert client.get(f"{path}&format=svg").content == svg.content
    assert client.get(path, headers={"Accept": "image/png"}).content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("", "/jobs"),
        ("jobs=", "/jobs"),
        ("jobs=a,a", "/jobs"),
        ("jobs=" + ",".join(map(str, range(25))), "/jobs"),
        ("jobs=%00", "/jobs"),
        ("jobs=a&metric=nothing", "/metric"),
        ("jobs=a&x=nothing", "/x"),
        ("jobs=a&format=parquet", "/format"),
    ],
)
def test_a_bad_comparison_is_refused(client: TestClient, query: str, pointer: str) -> None:
    response = client.get(f"/v1/compare?{query}")
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer)


def test_a_job_that_does_not_exist_cannot_be_compared(client: TestClient, trained: Trained) -> None:
    response = client.get(f"/v1/compare?jobs={trained(0.1)},none")
    assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


# --- drawings of jobs ---


def test_a_job_is_drawn_in_training_and_validation(client: TestClient, trained: Trained) -> None:
    job_id = trained(0.5, 0.25, seed=3)
    found = texts(client.get(f"/v1/jobs/{job_id}/plot.svg"))
    axes = {"epoch", "loss (nats, log scale)", "images whose digit is right (%)"}
    assert {"relu, seed 3", "training", "validation"} | axes <= found
    png = client.get(f"/v1/jobs/{job_id}/plot.png")
    assert (png.headers["content-type"], png.content[:4]) == ("image/png", b"\x89PNG")


def test_layers_are_drawn_as_far_as_they_were_measured(client: TestClient, trained: Trained) -> None:
    found = texts(client.get(f"/v1/jobs/{trained(0.5, 0.25, layers=True)}/layers/plot.svg"))
    assert {"conv1", "dense2", "L2 norm of the gradient (log scale)", "units without a gradient (%)"} <= found
    assert "nothing recorded yet" not in found


@pytest.mark.parametrize("path", ["plot.svg", "layers/plot.svg"])
def test_before_its_first_epoch_a_drawing_says_so(client: TestClient, path: str) -> None:
    job_id = post_job(client)["id"]
    assert "nothing recorded yet" in texts(client.get(f"/v1/jobs/{job_id}/{path}"))


@pytest.mark.parametrize("path", ["jobs/none/plot.png", "jobs/none/layers/plot.svg", "sweeps/none/plot.png"])
def test_what_does_not_exist_cannot_be_drawn(client: TestClient, path: str) -> None:
    assert client.get(f"/v1/{path}").status_code == 404


def test_a_drawing_is_svg_or_png(client: TestClient, trained: Trained) -> None:
    response = client.get(f"/v1/jobs/{trained(0.1)}/plot.gif")
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/kind")


# --- drawings of sweeps ---


@pytest.fixture
def sweep(client: TestClient, trained: Trained) -> str:
    body = {"base": {"epochs": 9}, "activations": ["sigmoid", "relu"], "seeds": [0, 1]}
    created = client.post("/v1/sweeps", json=body).json()
    for row in created["configurations"]:
        trained(0.5, 0.25, job_id=row["job_ids"][0])
        trained(0.4, job_id=row["job_ids"][1])
    return f"/v1/sweeps/{created['id']}/plot"


def test_a_sweep_is_drawn_with_and_without_sigmoid(client: TestClient, sweep: str) -> None:
    whole = texts(client.get(f"{sweep}.svg"))
    assert {"Validation loss and validation accuracy", "sigmoid", "relu"} <= whole
    assert "mean of 2 seeds, as far as trained; band from the lowest to the highest" in whole
    without = texts(client.get(f"{sweep}.svg?metric=val_binary_accuracy&exclude=sigmoid"))
    named = "relu: mean of 2 seeds, as far as trained; band from the lowest to the highest"
    assert {"Validation binary accuracy", "validation outputs right (%)", named} <= without
    assert "sigmoid" not in without
    assert client.get(f"{sweep}.png").content.startswith(b"\x89PNG")


@pytest.mark.parametrize("query", ["metric=nothing", "exclude=gelu", "exclude=sigmoid,relu"])
def test_a_drawing_that_cannot_be_is_refused(client: TestClient, sweep: str, query: str) -> None:
    response = client.get(f"{sweep}.svg?{query}")
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, f"/{query.partition('=')[0]}")


def test_of_many_configurations_the_best_are_drawn(client: TestClient, app: FastAPI, trained: Trained) -> None:
    app.state.settings = app.state.settings.model_copy(update={"max_unfinished_jobs": 100})
    sizes = list(range(1, 31))
    body = {"base": {"epochs": 1}, "activations": ["relu"], "grid": {"batch_size": sizes}}
    created = client.post("/v1/sweeps", json=body).json()
    for row in created["configurations"]:
        if row["values"]["batch_size"] != 7:
            trained(row["values"]["batch_size"] / 100, job_id=row["job_ids"][0])
    found = texts(client.get(f"/v1/sweeps/{created['id']}/plot.svg?metric=val_loss"))
    labels = {text for text in found if text.startswith("relu, ")}
    assert labels == {f"relu, batch_size {size}" for size in sizes[:25] if size != 7}
    assert any("24 of 30 configurations" in text for text in found)
