"""A job's epochs and layers."""

import csv
import io
import json

import pytest
from arro3.io import read_parquet
from starlette.testclient import TestClient

from tests.support.fake_worker import FakeWorker
from tests.support.figures import layer_metrics
from tests.support.submitting import post_job


@pytest.fixture
def trained(client: TestClient, worker: FakeWorker) -> str:
    lease = worker.claim(post_job(client, epochs=3)["id"])
    for epoch in (1, 2, 3):
        worker.record(lease, epoch, loss=0.1 * epoch)
    return str(lease.job_id)


def test_the_history_holds_every_epoch_exactly(client: TestClient, trained: str) -> None:
    history = client.get(f"/v1/jobs/{trained}/history").json()
    assert history["job_id"] == trained
    assert [(row["epoch"], row["attempt"], row["loss"]) for row in history["epochs"]] == [
        (1, 1, 0.1),
        (2, 1, 0.2),
        (3, 1, 0.1 * 3),
    ]
    assert set(history["epochs"][0]) >= {
        "epoch", "attempt", "loss", "accuracy", "binary_accuracy", "val_loss", "val_accuracy", "val_binary_accuracy",
        "learning_rate", "epoch_seconds", "images_per_second", "recorded_at",
    }  # fmt: skip


def test_the_history_goes_on_after_an_epoch(client: TestClient, trained: str) -> None:
    epochs = client.get(f"/v1/jobs/{trained}/history?after_epoch=2").json()["epochs"]
    assert [row["epoch"] for row in epochs] == [3]


def test_every_format_of_the_history_says_the_same(client: TestClient, trained: str) -> None:
    url = f"/v1/jobs/{trained}/history"
    losses = [row["loss"] for row in client.get(url).json()["epochs"]]
    as_csv = client.get(url, headers={"Accept": "text/csv"})
    assert as_csv.headers["content-type"].startswith("text/csv")
    assert [float(row["loss"]) for row in csv.DictReader(io.StringIO(as_csv.text))] == losses
    as_ndjson = client.get(f"{url}?format=ndjson").text
    assert [json.loads(line)["loss"] for line in as_ndjson.splitlines()] == losses
    as_parquet = client.get(url, headers={"Accept": "application/vnd.apache.parquet"}).content
    assert read_parquet(io.BytesIO(as_parquet)).read_all()["loss"].to_pylist() == losses


def test_a_format_that_is_not_offered_is_refused(client: TestClient, trained: str) -> None:
    url = f"/v1/jobs/{trained}/history"
    assert client.get(url, headers={"Accept": "application/pdf"}).status_code == 406
    assert client.get(f"{url}?format=pdf").status_code == 422


def test_a_layer_figure_that_was_not_finite_says_so(client: TestClient, worker: FakeWorker) -> None:
    lease = worker.claim(post_job(client)["id"])
    figures = {"gradient_norm": float("nan"), "update_ratio": float("inf"), "activation_mean": None}
    worker.record(lease, layers=[layer_metrics(**figures)])
    [row] = client.get(f"/v1/jobs/{lease.job_id}/layers").json()["layers"]
    assert (row["gradient_norm"], row["update_ratio"], row["activation_mean"]) == (None, None, None)
    assert row["non_finite"] == {"/gradient_norm": "nan", "/update_ratio": "inf"}


def test_layers_are_served_from_the_input_to_the_output(client: TestClient, worker: FakeWorker) -> None:
    lease = worker.claim(post_job(client)["id"])
    worker.record(lease, layers=[layer_metrics(layer="conv1"), layer_metrics(layer="dense2")])
    url = f"/v1/jobs/{lease.job_id}/layers"
    assert [row["layer"] for row in client.get(url).json()["layers"]] == ["conv1", "dense2"]
    assert client.get(f"{url}?epoch=2").json()["layers"] == []
    assert client.get(f"{url}?format=csv").text.splitlines()[0].startswith("epoch,layer,gradient_norm")


def test_epoch_numbers_beyond_the_database_are_refused_or_empty(client: TestClient, trained: str) -> None:
    for query in ("history?after_epoch", "layers?epoch", "parameters?epoch", "stream?after"):
        response = client.get(f"/v1/jobs/{trained}/{query}={2**63}")
        assert response.status_code == 422, query
