"""The table of a sweep, and its best figures."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.fake_worker import FakeWorker
from tests.support.submitting import list_job_ids, post_pair, post_sweep


def test_the_table_has_mean_and_interval_over_the_seeds(client: TestClient, train: Any) -> None:
    sweep = post_pair(client, seeds=[0, 1])
    relu, gelu = sweep["configurations"]
    train(relu["job_ids"][0], 0.2, 0.4, seconds=2.0)
    train(relu["job_ids"][1], 0.3, 0.6, seconds=2.0)
    train(gelu["job_ids"][0], 0.1, 0.1, seconds=3.0)
    now = client.get(f"/v1/sweeps/{sweep['id']}").json()
    relu, gelu = now["configurations"]
    final, best = relu["final"]["val_loss"], relu["best"]["val_loss"]
    assert (final["mean"], best["mean"], final["n"]) == (0.5, 0.25, 2)
    reach = 12.7062047 * 0.1  # t for one degree of freedom; the standard error is half the difference
    assert final["interval"] == pytest.approx([0.5 - reach, 0.5 + reach], rel=1e-6)
    assert relu["best"]["val_accuracy"]["mean"] == pytest.approx(0.75)
    assert gelu["final"]["val_loss"] == {"mean": 0.1, "interval": None, "n": 1}
    assert (relu["ratio_to_relu"], gelu["ratio_to_relu"], gelu["epoch_seconds"]["mean"]) == (1.0, 1.5, 3.0)
    assert gelu["test"]["accuracy"]["mean"] == 0.9
    assert gelu["jobs"]["queued"] == 1


def test_each_point_of_the_grid_is_a_row_with_its_own_relu(client: TestClient, train: Any) -> None:
    sweep = post_pair(client, grid={"batch_size": [64, 128]})
    for row in sweep["configurations"]:
        slow = (row["values"]["batch_size"] == 64) + (row["activation"] == "gelu")
        train(row["job_ids"][0], 0.1, 0.1, seconds=2.0**slow)
    rows = client.get(f"/v1/sweeps/{sweep['id']}").json()["configurations"]
    assert [(row["activation"], row["values"]["batch_size"], row["ratio_to_relu"]) for row in rows] == [
        ("relu", 64, 1.0),
        ("gelu", 64, 2.0),
        ("relu", 128, 1.0),
        ("gelu", 128, 2.0),
    ]


def test_fixed_and_learnt_parameters_are_rows_of_one_table(client: TestClient, train: Any) -> None:
    learnt = {"parameters": ["alpha"]}
    sweep = post_sweep(client, activations=["elu"], base={"epochs": 1}, grid={"trainable": [None, learnt]})
    for job_id, val_loss in zip(list_job_ids(sweep), (0.5, 0.25), strict=True):
        train(job_id, val_loss)
    rows = client.get(f"/v1/sweeps/{sweep['id']}").json()["configurations"]
    assert [(row["values"]["trainable"], row["final"]["val_loss"]["mean"]) for row in rows] == [
        (None, 0.5),
        (learnt, 0.25),
    ]
    history = client.get(f"/v1/sweeps/{sweep['id']}/history?format=csv").text.splitlines()
    assert len(history) == 3


def test_a_figure_that_is_not_finite_says_so(client: TestClient, train: Any) -> None:
    sweep = post_pair(client, activations=["gelu"], base={"epochs": 1})
    train(list_job_ids(sweep)[0], float("inf"))
    final = client.get(f"/v1/sweeps/{sweep['id']}").json()["configurations"][0]["final"]["val_loss"]
    assert final == {"mean": None, "interval": None, "n": 1, "non_finite": {"/mean": "inf"}}


def test_the_best_figures_are_those_of_all_jobs_that_have_any(client: TestClient, worker: FakeWorker) -> None:
    sweep = post_pair(client, activations=["sigmoid", "relu", "gelu"], base={"epochs": 3}, grid={"batch_size": [64]})
    sigmoid, relu, gelu = list_job_ids(sweep)
    assert sweep["best"] == {"val_loss": None, "val_accuracy": None, "val_binary_accuracy": None}

    def record(lease: Any, epoch: int, val_loss: float, val_accuracy: float) -> None:
        worker.record(lease, epoch, val_loss=val_loss, val_accuracy=val_accuracy)

    held = {job_id: worker.claim(job_id) for job_id in (sigmoid, relu, gelu)}
    record(held[sigmoid], 1, 0.3, 0.105)
    record(held[relu], 1, 0.1, 0.9)
    record(held[relu], 2, 0.2, 0.9083)
    record(held[gelu], 1, float("inf"), 0.1)
    worker.cancel(held[relu])
    now = client.get(f"/v1/sweeps/{sweep['id']}").json()
    of_relu = {"job_id": relu, "activation": "relu", "seed": 0, "values": {"batch_size": 64}}
    assert now["best"]["val_accuracy"] == {"value": 0.9083, **of_relu}
    assert now["best"]["val_loss"] == {"value": 0.1, **of_relu}
    row = now["configurations"][1]
    assert (row["best"]["val_accuracy"]["mean"], row["best"]["val_accuracy"]["n"]) == (0.9083, 1)
    assert row["final"]["val_accuracy"] is None, "it did not come to its last epoch"
