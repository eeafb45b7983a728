"""The catalog written as formulas against the catalog, tails included."""

import numpy as np
import pytest

from activations import catalog
from activations.formula.catalog import find_formula
from activations.functions import Array
from tests.support.oracle import CASES, zero_of_derivative

SMALLEST_TRUE = 1e-300  # below it, only the order of magnitude is promised
EDGES = [0.0, -0.0, -3.0, 3.0, 6.0, 5e-324, -5e-324, 1.7e308, -1.7e308, -745.2, 745.2, 709.8, -709.8, -38.5]


def points() -> Array:
    random = np.random.default_rng(15)
    signs = random.choice([-1.0, 1.0], 1500)
    spread = [random.uniform(-45, 45, 4500), random.uniform(-750, 750, 2986), random.normal(0, 1, 1000)]
    return np.concatenate([*spread, signs * 10.0 ** random.uniform(-300, 308, 1500), EDGES])


def assert_equal(got: Array, expected: Array, tolerance: float | Array = 0.0):
    error = np.abs(np.where(got == expected, 0.0, got - expected))
    small = (np.abs(expected) < SMALLEST_TRUE) & (np.abs(got) < 2 * SMALLEST_TRUE)
    with np.errstate(invalid="ignore"):
        right = small | (error <= np.maximum(1e-12 * np.abs(expected), tolerance)) | (got == expected)
    assert right.all()


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_an_activation_of_the_catalog_as_a_formula_agrees_with_it(name: str, parameters: dict[str, float | str]):
    x = points()
    activation = catalog.find(name)
    numeric = {key: value for key, value in parameters.items() if isinstance(value, float)}
    value, derivative = find_formula(name, parameters).evaluate(x, numeric)
    near_zero = np.abs(x - zero_of_derivative(name, parameters)) <= 0.01
    assert x.size == 10_000
    assert_equal(value, activation.value(x, **parameters))
    assert_equal(derivative, activation.derivative(x, **parameters), np.where(near_zero, 1e-15, 0.0))
