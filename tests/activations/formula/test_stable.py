"""Stable forms: equal to what is written, and right in the tails."""

import mpmath as mp
import numpy as np
import pytest

from activations.formula.formula import Formula
from activations.formula.language import write
from tests.activations.formula.naive import PARAMETERS, PLAIN, UNSTABLE, evaluate

DIGITS = 60
SMALLEST_TRUE = 1e-300
LARGEST_TRUE = 1e300
POINTS = (-5.3, -1.1, -0.25, 0.33, 1.7, 6.1)
TAILS = (3.0, 17.0, 18.4, 30.0, 37.5, 104.0, 355.0, 500.0, 690.0, 709.9, 745.0, 1420.0)
TAIL_DIGITS = 660  # exp(-1420) beside 1


@pytest.mark.parametrize("text", [*PLAIN, *UNSTABLE])
def test_the_stable_form_equals_what_is_written(text: str):
    formula = Formula.read(text)
    with mp.workdps(DIGITS):
        for x in POINTS:
            *stable, value, derivative = evaluate(
                x, formula.value, formula.derivative, formula.tree, formula.written_derivative
            )
            for got, expected in zip(stable, (value, derivative), strict=True):
                assert mp.almosteq(got, expected, mp.mpf(10) ** -45, mp.mpf(10) ** -45), x


@pytest.mark.parametrize("text", UNSTABLE)
def test_values_and_derivatives_are_right_in_the_tails(text: str):
    formula = Formula.read(text)
    for x in [sign * point for point in TAILS for sign in (-1.0, 1.0)]:
        given = {name: PARAMETERS[name] for name in formula.parameters}
        with mp.workdps(TAIL_DIGITS):
            true = evaluate(x, formula.tree, formula.written_derivative)
        for got, expected in zip(formula.evaluate(x, given), true, strict=True):
            assert_accurate(float(got), expected)


def assert_accurate(got: float, true: mp.mpf):
    if abs(true) > LARGEST_TRUE:
        assert abs(got) > LARGEST_TRUE / 2
    elif abs(true) > SMALLEST_TRUE:
        assert abs(mp.mpf(got) - true) <= 1e-12 * abs(true)
    else:
        assert abs(got) <= 2 * SMALLEST_TRUE


@pytest.mark.parametrize(
    ("text", "stable"),
    {
        "log(1 + exp(x))": "softplus(x)",
        "exp(x)/(1 + exp(x))": "sigmoid(x)",
        "2/(1 + exp(-2*x)) - 1": "tanh(x)",
        "x*((1 + exp(x))^2 - 1)/((1 + exp(x))^2 + 1)": "x*tanh(softplus(x))",
        "1 + x - exp(x)": "x - expm1(x)",
        "1 - tanh(x)^2": "4*sigmoid(2*x)*sigmoid(-2*x)",
        "x^2*exp(-x)": "where(exp(-x) <= 0, 0, x^2*exp(-x))",
    }.items(),
)
def test_a_naive_form_is_recognised(text: str, stable: str):
    assert write(Formula.read(text).value) == stable


def test_zero_times_infinity_is_zero_where_the_exponential_wins():
    value, derivative = Formula.read("x^4*exp(-x)").evaluate([1e90, 800.0], {})
    np.testing.assert_array_equal([value, derivative], 0.0)
