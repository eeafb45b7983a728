"""Chains against torch's autograd and exact fractions, clipping against the worker's, and the article's numbers."""

import math
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from activations import catalog
from activations.gradients import bounded, clip, factors, float32, layer_gradients, running_products, updated
from jobs.spec import Clip
from worker.training import optimizers
from worker.training.model import build_activation

finite = st.floats(allow_nan=False, allow_infinity=False)
vectors = st.lists(finite, min_size=1, max_size=20).map(np.array)
thresholds = st.floats(1e-6, 1e6)


def gradient_of_first(derivatives: list[float], weights: list[float], upstream: float = 1.0) -> float:
    return layer_gradients(factors(derivatives, weights, upstream))[0]


# --- chains


def test_the_factors_stand_in_the_articles_order():
    assert factors([0.1, 0.2, 0.3], [20, 30], 7) == [0.1, 20, 0.2, 30, 0.3, 7]


@pytest.mark.parametrize("name", catalog.ACTIVATIONS)
def test_a_chain_has_the_gradients_of_torchs_autograd(name: str):
    entry = catalog.find(name)
    parameters = entry.complete({})
    random = np.random.default_rng(3)
    layers = 7
    weights, biases = random.normal(0, 2, layers - 1), torch.tensor(random.normal(0, 1, layers), requires_grad=True)
    act = build_activation(name, parameters)

    pre_activations = [biases[0]]
    for weight, bias in zip(weights, biases[1:], strict=True):
        pre_activations.append(weight * act(pre_activations[-1]) + bias)
    (expected,) = torch.autograd.grad(-1.7 * act(pre_activations[-1]), biases)

    slopes = entry.derivative([z.item() for z in pre_activations], **parameters).tolist()
    assert layer_gradients(factors(slopes, weights.tolist(), -1.7)) == pytest.approx(expected.tolist(), rel=1e-11)


def test_a_chain_has_the_slope_that_a_small_step_finds():
    sigmoid = catalog.find("sigmoid")
    weights, biases, step = [3.0, -2.0, 1.5], [0.3, -0.1, 0.2, 0.05], 1e-6

    def pre_activations(first: float) -> list[float]:
        z = [first]
        for weight, bias in zip(weights, biases[1:], strict=True):
            z.append(weight * float(sigmoid.value(z[-1])) + bias)
        return z

    def output(first: float) -> float:
        return float(sigmoid.value(pre_activations(first)[-1]))

    slopes = sigmoid.derivative(pre_activations(biases[0])).tolist()
    found = (output(biases[0] + step) - output(biases[0] - step)) / (2 * step)
    assert gradient_of_first(slopes, weights) == pytest.approx(found, rel=1e-8)


@given(st.lists(finite, min_size=1, max_size=30))
def test_a_product_is_as_exact_wherever_it_went_in_between(numbers: list[float]):
    *_, got = running_products(numbers)
    exact = math.prod(map(Fraction, numbers))
    tolerance = abs(exact) * len(numbers) * Fraction(2) ** -52
    if math.isinf(got):
        assert abs(exact) + tolerance >= 2**1024
        assert (got > 0) == (exact > 0)
    elif abs(got) >= sys.float_info.min:
        assert abs(Fraction(got) - exact) <= tolerance
    else:
        assert abs(exact) - tolerance <= Fraction(sys.float_info.min)


def test_a_gradient_that_overflowed_on_its_way_comes_back():
    by_layer = layer_gradients(factors([1, 1, 1], [1e-300, 1e300], 1e300))
    assert by_layer == pytest.approx([1e300, math.inf, 1e300], rel=1e-14)


def test_a_slope_of_zero_ends_every_gradient_even_an_infinite_one():
    assert layer_gradients(factors([1, 0, 1, 1], [1e300] * 3, 1e300)) == [0, 0, math.inf, 1e300]


# --- the article's numbers


def test_vanishing_moves_the_articles_weight_to_its_number():
    assert updated(0.2, 4.38e-8, learning_rate=0.5) == 0.1999999781
    assert f"{updated(0.2, 4.38e-8, learning_rate=0.5):.9f}" == "0.199999978"


def test_in_float32_the_articles_weight_moves_by_one_unit_in_the_last_place():
    moved = updated(0.2, 4.38e-8, learning_rate=0.5, precision=np.float32)
    assert f"{moved:.12f}" == "0.199999988079"
    assert np.nextafter(np.float32(moved), np.float32(1)) == np.float32(0.2)


def test_in_float32_a_smaller_gradient_leaves_the_weight_as_it_was():
    assert updated(0.2, 1e-8, learning_rate=0.5, precision=np.float32) == float32(0.2)
    assert updated(0.2, 1e-8, learning_rate=0.5) < 0.2


@pytest.mark.parametrize(
    ("slope", "gradient", "bias"), [(0.25, 3906.25, -1951.565), (0.2, 1600, -798.44), (0.1, 100, -48.44)]
)
def test_exploding_throws_the_articles_bias_where_it_says(slope: float, gradient: float, bias: float):
    found = gradient_of_first([slope] * 4, [100.0] * 3)
    assert found == pytest.approx(gradient, rel=1e-15)
    assert updated(1.56, found, learning_rate=0.5) == pytest.approx(bias, rel=1e-15)


@given(st.lists(st.floats(0, 0.25, exclude_min=True), min_size=4, max_size=4))
def test_whatever_the_slopes_the_exploding_bias_stays_within_the_articles_bounds(slopes: list[float]):
    assert -1951.565 <= updated(1.56, gradient_of_first(slopes, [100.0] * 3), learning_rate=0.5) <= 1.56


def test_a_dead_relu_leaves_the_bias_exactly_where_it_was():
    gradient = gradient_of_first([1.0, 1.0, float(catalog.find("relu").derivative(-3.0)), 1.0], [100.0] * 3)
    assert gradient == 0
    assert updated(1.56, gradient, learning_rate=0.5) == 1.56


@given(*[st.floats(-1e30, 1e30)] * 2, st.floats(1e-10, 1e3))
def test_the_float32_step_is_torchs(parameter: float, gradient: float, learning_rate: float):
    weight, slope, rate = (torch.tensor(x, dtype=torch.float32) for x in (parameter, gradient, learning_rate))
    found = updated(parameter, gradient, learning_rate=learning_rate, precision=np.float32)
    assert found == (weight - rate * slope).item()


def test_a_step_beyond_float32_is_infinite():
    assert updated(1.0, 1e300, learning_rate=1.0, precision=np.float32) == -math.inf
    assert float32(1e300) == math.inf


# --- clipping


@given(gradient=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20), threshold=thresholds)
@pytest.mark.parametrize("by", ["value", "norm"])
def test_clipping_is_the_workers(by: str, gradient: list[float], threshold: float):
    parameter = torch.zeros(len(gradient), dtype=torch.float64)
    parameter.grad = torch.tensor(gradient, dtype=torch.float64)
    optimizers.clip([parameter], Clip(by=by, threshold=threshold))
    found = clip(np.array(gradient), by=by, threshold=threshold).gradient
    np.testing.assert_allclose(found, parameter.grad, rtol=1e-13, atol=1e-300)


@example(gradient=np.array([1.797e308, math.nextafter(1.797e308, math.inf)]), threshold=1.0)
@given(gradient=vectors, threshold=thresholds)
def test_clipped_by_norm_it_is_as_long_as_the_threshold_and_points_where_it_pointed(
    gradient: np.ndarray, threshold: float
):
    clipped = clip(gradient, by="norm", threshold=threshold)
    if clipped.norm <= threshold:
        assert (clipped.gradient == gradient).all()
        assert clipped.scale == 1
    else:
        assert math.hypot(*clipped.gradient) == pytest.approx(threshold, rel=1e-14)
        largest = np.abs(gradient).argmax()  # of others, scaling may make its equals
        assert np.abs(clipped.gradient)[largest] == np.abs(clipped.gradient).max()
        assert (np.sign(clipped.gradient) * np.sign(gradient) >= 0).all()


@given(gradient=vectors)
def test_the_norm_neither_overflows_nor_underflows_on_its_way(gradient: np.ndarray):
    assert clip(gradient, by="norm", threshold=1.0).norm == pytest.approx(math.hypot(*gradient), rel=1e-14, abs=5e-324)


def test_a_norm_beyond_float64_is_infinite_and_clips_all_the_same():
    clipped = clip(np.array([1.7e308, -1.7e308]), by="norm", threshold=2.0)
    assert clipped.norm == math.inf
    assert clipped.gradient.tolist() == pytest.approx([math.sqrt(2), -math.sqrt(2)])


@given(gradient=vectors, threshold=thresholds)
def test_clipped_by_value_each_element_is_bounded_on_its_own(gradient: np.ndarray, threshold: float):
    clipped = clip(gradient, by="value", threshold=threshold)
    assert clipped.gradient.tolist() == [bounded(element, threshold) for element in gradient.tolist()]
    assert clipped.scale is None


@pytest.mark.parametrize("by", ["value", "norm"])
def test_a_gradient_of_nothing_but_zeros_stays(by: str):
    clipped = clip(np.zeros(3), by=by, threshold=0.5)
    assert clipped.gradient.tolist() == [0, 0, 0]
    assert clipped.norm == 0


@given(gradient=finite, threshold=thresholds)
def test_one_number_is_clipped_alike_by_value_and_by_norm(gradient: float, threshold: float):
    (by_norm,) = clip(np.array([gradient]), by="norm", threshold=threshold).gradient
    assert by_norm == pytest.approx(bounded(gradient, threshold), rel=1e-15)
