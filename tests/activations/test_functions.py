"""Values and derivatives against mpmath's, and against torch and its autograd."""

import sys

import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from torch.nn import functional

from activations import catalog
from activations.catalog import Array, Parameters
from tests.support.oracle import CASES, ELU, ZEROS_OF_DERIVATIVE, true_derivative, true_value, zero_of_derivative

LARGEST = sys.float_info.max
SMALLEST_TRUE = 1e-300  # below it, only the order of magnitude is promised

EXTREMES = [0.0, 5e-324, 1e-310, sys.float_info.min, 1e-300, 1e-17, 1e-8, 0.7, 0.75, 0.76, 1.0, 5.0, 15.0, 20.0, 21.4]
EXTREMES += [37.0, 38.4, 40.0, 41.0, 690.0, 709.0, 710.0, 745.0, 746.0, 1e5, 1e154, 1e155, 1e308, LARGEST]
EXTREMES += [-x for x in EXTREMES]

anywhere = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.one_of(st.floats(-45, 45), st.floats(-750, 750), anywhere)
each_case = pytest.mark.parametrize(("name", "parameters"), CASES)


def value(name: str, parameters: Parameters, x: ArrayLike) -> Array:
    with np.errstate(all="raise"):
        return catalog.find(name).value(x, **parameters)


def derivative(name: str, parameters: Parameters, x: ArrayLike) -> Array:
    with np.errstate(all="raise"):
        return catalog.find(name).derivative(x, **parameters)


def assert_accurate(got: float, true: mp.mpf, tolerance: float = 0.0):
    if abs(true) > LARGEST:
        assert got == float(mp.sign(true)) * np.inf
    elif abs(true) > SMALLEST_TRUE:
        assert abs(mp.mpf(float(got)) - true) <= max(1e-12 * abs(true), tolerance)
    else:
        assert abs(got) <= 2 * SMALLEST_TRUE


def near_zero_of_derivative(name: str, parameters: Parameters, x: float):
    return 1e-15 if abs(x - zero_of_derivative(name, parameters)) <= 0.01 else 0.0


@each_case
@given(x=numbers)
def test_any_value_has_a_relative_error_below_1e_12(name: str, parameters: Parameters, x: float):
    assert_accurate(value(name, parameters, x), true_value(name, parameters, x))


@each_case
@given(x=numbers)
def test_any_derivative_has_a_relative_error_below_1e_12(name: str, parameters: Parameters, x: float):
    tolerance = near_zero_of_derivative(name, parameters, x)
    assert_accurate(derivative(name, parameters, x), true_derivative(name, parameters, x), tolerance)


@each_case
def test_an_array_of_extremes_is_accurate_everywhere(name: str, parameters: Parameters):
    for x, got in zip(EXTREMES, value(name, parameters, EXTREMES), strict=True):
        assert_accurate(got, true_value(name, parameters, x))
    for x, got in zip(EXTREMES, derivative(name, parameters, EXTREMES), strict=True):
        tolerance = near_zero_of_derivative(name, parameters, x)
        assert_accurate(got, true_derivative(name, parameters, x), tolerance)


@pytest.mark.parametrize(
    ("name", "parameters"), [case for case in CASES if zero_of_derivative(*case) in ZEROS_OF_DERIVATIVE.values()]
)
def test_a_derivative_is_accurate_around_its_zero(name: str, parameters: Parameters):
    around = zero_of_derivative(name, parameters) + np.linspace(-0.03, 0.03, 301)
    for x, got in zip(around, derivative(name, parameters, around), strict=True):
        assert_accurate(got, true_derivative(name, parameters, x), near_zero_of_derivative(name, parameters, x))


@pytest.mark.parametrize("name", ["elu", "leaky-relu", "celu"])
@given(x=numbers, share=st.floats(0, 1))
def test_every_alpha_is_as_accurate(name: str, x: float, share: float):
    (alpha,) = catalog.find(name).parameters
    parameters = {"alpha": alpha.minimum + share * (alpha.maximum - alpha.minimum)}
    assert_accurate(value(name, parameters, x), true_value(name, parameters, x))
    assert_accurate(derivative(name, parameters, x), true_derivative(name, parameters, x))


@each_case
@pytest.mark.parametrize("x", [-7.3, -0.75, -1e-3, 1e-3, 0.4, 6.1])
def test_the_oracles_derivative_is_the_slope_of_its_value(name: str, parameters: Parameters, x: float):
    with mp.workdps(60):
        slope = mp.diff(lambda x: true_value(name, parameters, x), x)
        assert mp.almosteq(slope, true_derivative(name, parameters, x), rel_eps=1e-20)


@each_case
@pytest.mark.parametrize("x", [3, [1, 2], [[1.0, -1.0], [0.0, 2.0]], np.float32(0.5), []])
def test_the_result_is_float64_of_the_inputs_shape(name: str, parameters: Parameters, x: ArrayLike):
    for result in (value(name, parameters, x), derivative(name, parameters, x)):
        assert isinstance(result, np.ndarray)
        assert (result.dtype, result.shape) == (np.float64, np.shape(x))


def test_the_input_is_left_as_it_was():
    x = np.array([-1.0, 0.0, 1.0])
    for name, parameters in CASES:
        for result in (value(name, parameters, x), derivative(name, parameters, x)):
            assert not np.shares_memory(result, x)
    assert x.tolist() == [-1.0, 0.0, 1.0]


def test_a_result_beyond_float64_is_infinite():
    assert value("selu", {}, [1.79e308, LARGEST]).tolist() == [np.inf, np.inf]
    assert value("elu", ELU, LARGEST) == LARGEST


# --- torch

TORCH = {
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "elu": functional.elu,
    "leaky-relu": lambda x, alpha: functional.leaky_relu(x, negative_slope=alpha),
    "selu": functional.selu,
    "gelu": functional.gelu,
    "tanh": torch.tanh,
    "softplus": lambda x: functional.softplus(x, threshold=700),  # the default's identity from 20 on is off by 2e-9
    "silu": functional.silu,
    "mish": functional.mish,
    "hardswish": functional.hardswish,
    "relu6": functional.relu6,
    "softsign": functional.softsign,
    "celu": functional.celu,  # for powers of two: its backward pass keeps 1 / alpha in float32 (derivatives.yaml)
}

# Past these torch itself answers nan or inf: its tanh form of GELU multiplies an infinite slope by 0, and its hardswish
# multiplies by 6 before it divides by it.
TORCH_OVERFLOWS = {"gelu": 1e154, "hardswish": 1e307}


def points_for_torch(name: str):
    random = np.random.default_rng(7)
    points = np.concatenate([EXTREMES, random.normal(0, 3, 2000), random.uniform(-800, 800, 500)])
    return points[np.abs(points) < TORCH_OVERFLOWS.get(name, np.inf)]


@each_case
def test_value_and_derivative_equal_torch_and_its_autograd(name: str, parameters: Parameters):
    x = torch.tensor(points_for_torch(name), requires_grad=True)
    theirs = TORCH[name](x, **parameters)
    (gradient,) = torch.autograd.grad(theirs.sum(), x)
    points = x.detach().numpy()
    np.testing.assert_allclose(value(name, parameters, points), theirs.detach(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(derivative(name, parameters, points), gradient, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kink", [0.0, -0.0, -3.0, 3.0, 6.0])
@each_case
def test_a_kink_takes_the_branch_that_torch_takes(name: str, parameters: Parameters, kink: float):
    x = torch.tensor([kink], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(TORCH[name](x, **parameters).sum(), x)
    assert derivative(name, parameters, kink) == pytest.approx(gradient.item(), rel=1e-13, abs=1e-15)
