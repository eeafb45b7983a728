"""A sweep's curves as the page draws them: thinned, and the same configurations as in the drawings."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from api.sweeps.means import thin
from tests.support.fake_worker import FakeWorker
from tests.support.submitting import post_sweep


def submit(client: TestClient, **sweep: Any) -> dict[str, Any]:
    return post_sweep(client, **{"activations": ["relu", "gelu"], "base": {"epochs": 9}, **sweep})


def means(client: TestClient, sweep: dict[str, Any], query: str = "") -> dict[str, Any]:
    response = client.get(f"{sweep['links']['means']}{query}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_a_curve_is_the_mean_of_its_seeds_between_lowest_and_highest(client: TestClient, worker: FakeWorker) -> None:
    sweep = submit(client, activations=["relu"], seeds=[0, 1])
    first, second = sweep["configurations"][0]["job_ids"]
    worker.train(first, 0.5, 0.25, 0.125)
    worker.train(second, 0.25, 0.75)
    [curve] = means(client, sweep, "?metric=val_loss")["configurations"]
    assert curve["epoch"] == [1, 2, 3]
    assert curve["mean"] == [0.375, 0.5, 0.125]
    assert curve["low"] == [0.25, 0.25, 0.125]
    assert curve["high"] == [0.5, 0.75, 0.125]


def test_curves_are_thinned_with_both_ends_kept(client: TestClient, worker: FakeWorker) -> None:
    sweep = submit(client, activations=["relu"])
    worker.train(sweep["configurations"][0]["job_ids"][0], *[1 / number for number in range(1, 10)])
    [curve] = means(client, sweep, "?points=3")["configurations"]
    assert curve["epoch"] == [1, 5, 9]
    assert curve["mean"] == [1, 1 / 5, 1 / 9]


@pytest.mark.parametrize(("length", "most"), [(1, 2), (2, 2), (3, 2), (1000, 60), (61, 60), (60, 60)])
def test_what_is_thinned_keeps_its_order_and_its_ends(length: int, most: int) -> None:
    found = thin(range(length), most)
    assert len(found) == min(length, most)
    assert (found[0], found[-1]) == (0, length - 1)
    assert [*found] == sorted({*found})


def test_the_lowest_validation_losses_are_chosen_and_the_rest_counted(client: TestClient, worker: FakeWorker) -> None:
    sweep = submit(client, grid={"batch_size": [32, 64]})
    for row, val_loss in zip(sweep["configurations"], (0.4, 0.1, 0.3, 0.2), strict=True):
        worker.train(row["job_ids"][0], val_loss)
    found = means(client, sweep, "?lines=2")
    assert found["total"] == 4
    chosen = [(row["activation"], row["values"]["batch_size"], row["variant"]) for row in found["configurations"]]
    assert chosen == [("gelu", 32, 0), ("gelu", 64, 1)]
    excluded = means(client, sweep, "?exclude=gelu")
    assert excluded["total"] == 2
    assert {row["activation"] for row in excluded["configurations"]} == {"relu"}


def test_a_variant_is_the_same_when_jobs_are_deleted(client: TestClient) -> None:
    sweep = submit(client, activations=["relu"], grid={"batch_size": [32, 64]})
    assert [row["variant"] for row in sweep["configurations"]] == [0, 1]
    gone = sweep["configurations"][0]["job_ids"][0]
    client.post(f"/v1/jobs/{gone}/cancel")
    assert client.delete(f"/v1/jobs/{gone}").status_code == 204
    assert [row["variant"] for row in client.get(sweep["links"]["self"]).json()["configurations"]] == [1]
    assert [row["variant"] for row in means(client, sweep)["configurations"]] == [1]


def test_what_is_not_finite_is_marked(client: TestClient, worker: FakeWorker) -> None:
    sweep = submit(client, activations=["relu"])
    worker.train(sweep["configurations"][0]["job_ids"][0], 0.5, float("inf"))
    [curve] = means(client, sweep)["configurations"]
    assert curve["mean"] == [0.5, None]
    assert curve["non_finite"] == {"/mean/1": "inf", "/low/1": "inf", "/high/1": "inf"}


@pytest.mark.parametrize("query", ["metric=nothing", "points=1", "lines=0", "exclude=tanh", "exclude=relu,gelu"])
def test_a_wrong_question_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"{submit(client)['links']['means']}?{query}").status_code == 422


def test_an_unknown_sweep_has_no_means(client: TestClient) -> None:
    assert client.get("/v1/sweeps/none/means").status_code == 404
