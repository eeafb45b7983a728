import math

import numpy as np
import pytest

from article import published
from article.published import Point, compare
from jobs.spec import JobSpec
from jobs.statistics import predict_interval
from jobs.sweep import ARTICLE_ACTIVATIONS

POINT = Point(epoch=1, value=0.0097, reading_error=0.0003)


def test_every_activation_of_the_article_has_curves_of_a_hundred_epochs():
    assert list(published.load_figures()) == ARTICLE_ACTIVATIONS
    for curves in published.load_figures().values():
        assert {len(curves[metric]) for metric in published.METRICS} == {100}


@pytest.mark.parametrize("activation", ARTICLE_ACTIVATIONS)
def test_the_article_s_table_is_what_its_curves_show(activation: str):
    table = published.load_figures()[activation]["after_100_epochs"]
    losses = published.read_points(activation, "val_loss")
    error = published.find_reading_errors(activation)["val_loss"]
    assert min(point.value for point in losses) == pytest.approx(table["lowest_val_loss"], abs=2 * error)
    accuracies = published.read_points(activation, "val_binary_accuracy")
    assert max(point.value for point in accuracies) == pytest.approx(table["best_val_binary_accuracy"], abs=5e-4)


def test_a_point_hidden_by_another_curve_is_left_out():
    epochs = [point.epoch for point in published.read_points("relu", "val_loss")]
    assert 1 not in epochs
    assert 2 in epochs


def test_an_activation_that_the_article_has_not_has_no_points():
    assert published.read_points("mish", "val_loss") == []


def test_a_published_run_that_could_be_one_of_ours_agrees():
    found = compare(POINT, [0.0090, 0.0096, 0.0102])
    assert found is not None
    assert (found.verdict, found.ours.n) == ("agrees", 3)


@pytest.mark.parametrize(("runs", "verdict"), [([0.02, 0.021, 0.022], "ours_higher"), ([0.001, 0.002], "agrees")])
def test_the_spread_of_our_runs_decides(runs: list[float], verdict: str):
    found = compare(POINT, runs)
    assert found is not None
    assert found.verdict == verdict


def test_the_reading_error_is_allowed_for():
    runs = [0.00939, 0.00940, 0.00941]
    for error, verdict in ((0.0003, "agrees"), (0.0001, "ours_lower")):
        found = compare(Point(1, 0.0097, error), runs)
        assert found is not None
        assert found.verdict == verdict


def test_one_run_decides_nothing_and_none_says_nothing():
    found = compare(POINT, [0.0097])
    assert found is not None
    assert (found.verdict, found.prediction) == ("undecided", None)
    assert compare(POINT, []) is None


def test_one_more_run_lies_in_the_interval_in_95_of_100_cases():
    rng = np.random.default_rng(0)
    inside = 0
    for *runs, one_more in rng.normal(7, 2, (4000, 4)).tolist():
        interval = predict_interval(runs)
        assert interval is not None
        inside += interval[0] <= one_more <= interval[1]
    assert inside / 4000 == pytest.approx(0.95, abs=0.012)


def test_values_that_are_not_finite_predict_nothing():
    assert predict_interval([1.0, math.inf]) is None


def test_the_article_s_protocol_departs_from_it_in_nothing():
    spec = JobSpec.model_validate({"activation": "selu", "protocol": "article", "epochs": 5, "seed": 3})
    assert published.differences_from_article(spec) == []


def test_each_other_field_is_a_departure():
    given = {"activation": "elu", "parameters": {"alpha": 0.2}, "optimizer": {"learning_rate": 0.01}, "clip": None}
    spec = JobSpec.model_validate({**given, "validation": {"kind": "test"}, "train_samples": 1000})
    assert set(published.differences_from_article(spec)) == {
        "parameters.alpha 0.2",
        "optimizer.learning_rate 0.01",
        "clip null",
        "train_samples 1000",
    }
