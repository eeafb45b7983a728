"""Rules of derivatives against mpmath's numerical derivative, and the kinks."""

from collections.abc import Mapping
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from activations.formula.derivative import differentiate
from activations.formula.formula import Formula
from activations.formula.table import NAMED
from activations.formula.tree import Node
from tests.activations.formula.naive import PARAMETERS, PLAIN, UNSTABLE, evaluate

DIGITS = 60
POINTS = (-2.3, -0.4, 0.7, 1.9, 3.1)
WITH_PARAMETER = [text for text in (*PLAIN, *UNSTABLE) if set(Formula.read(text).parameters)]


def numerical_derivative(tree: Node, name: str, x: float) -> Any:
    def along(value: Any) -> Any:
        moved: Mapping[str, Any] = PARAMETERS if name == "x" else {**PARAMETERS, name: value}
        return evaluate(value if name == "x" else x, tree, parameters=moved)[0]

    return mp.diff(along, mp.mpf(x if name == "x" else PARAMETERS[name]))


def assert_derivative(text: str, name: str):
    tree = Formula.read(text).tree
    with mp.workdps(DIGITS):
        for x in POINTS:
            got, expected = evaluate(x, differentiate(tree, name))[0], numerical_derivative(tree, name, x)
            assert mp.almosteq(got, expected, mp.mpf(10) ** -25, mp.mpf(10) ** -25), x


@pytest.mark.parametrize("name", NAMED)
def test_the_rule_of_each_function_is_its_derivative(name: str):
    arguments = ["x < 1" if name == "where" else "x^2 + a", "sin(x)", "b*x"][: NAMED[name].arity]
    assert_derivative(f"{name}({', '.join(arguments)})", "x")


@pytest.mark.parametrize("text", [*PLAIN, *UNSTABLE])
def test_the_derivative_of_a_formula_is_its_derivative(text: str):
    assert_derivative(text, "x")


@pytest.mark.parametrize("text", WITH_PARAMETER)
def test_the_derivative_by_a_parameter_is_its_derivative(text: str):
    for name in Formula.read(text).parameters:
        assert_derivative(text, name)


@pytest.mark.parametrize(
    ("text", "x", "slope"),
    [
        ("relu(x)", 0, 0),
        ("relu(-x)", 0, 0),
        ("abs(x)", 0, -1),
        ("clip(x, -1, 2)", -1, 0),
        ("clip(x, -1, 2)", 2, 0),
        ("max(x, 3*x)", 0, 1),
        ("min(x, 3*x)", 0, 3),
        ("max(x, x)", 0, 1),
        ("where(x > 0, x, 5*x)", 0, 5),
        ("where(x >= 0, x, 5*x)", 0, 1),
        ("x*abs(x)", 0, 0),
    ],
)
def test_at_a_kink_the_slope_is_that_from_the_left(text: str, x: float, slope: float):
    assert Formula.read(text).evaluate(x, {})[1] == slope


def test_a_branch_that_is_not_taken_is_no_nan():
    value, derivative = Formula.read("where(x > 0, log(x), x/(x + 0))").evaluate([-2.0, 1.0], {})
    np.testing.assert_array_equal(value, [1.0, 0.0])
    np.testing.assert_array_equal(derivative, [0.0, 1.0])
