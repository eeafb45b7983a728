"""Bounds on boxes contain the values inside."""

import numpy as np
import pytest

from activations.formula.catalog import CATALOG_FORMULAS
from activations.formula.formula import Formula
from activations.formula.intervals import INTERVALS, bound
from activations.formula.program import Program
from activations.formula.table import FUNCTIONS, NAMED

FORMULAS = [
    *CATALOG_FORMULAS.values(),
    *(f"{name}(3*x - 1)" for name in NAMED if FUNCTIONS[name].arity == 1),
    "x^3 - 2*x^2 + x^(-2)",
    "abs(x)^0.3",
    "x^x",
    "sin(x^2)/(x - 0.5)",
    "sqrt(1 + x^2)",
    "max(x, x^2) - min(x, 1/x) + clip(x, -2, 1)",
    "where(x < 1, where(x >= 0, x, -x), where(x <= 5, 2, exp(-x)))",
    "(0.1*x - 1)*exp(-x^2)*erfc(x)",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_bounds_contain_the_values_in_a_box(text: str):
    formula = Formula.read(text)
    parameters = dict.fromkeys(formula.parameters, 0.7)
    random = np.random.default_rng(3)
    centres = np.concatenate([random.normal(0, 4, 300), random.normal(0, 300, 50), np.arange(-5.0, 6.0)])
    widths = 10 ** random.uniform(-9, 2, len(centres))
    low, high = centres, centres + widths
    bounds = bound(Program.compile(formula.value, formula.derivative), low, high, parameters)
    for share in (0.0, 1e-6, 0.3, 0.5, 0.9, 1.0):
        for box, values in zip(bounds, formula.evaluate(low + share * widths, parameters), strict=True):
            inside = np.isnan(values) | ((box.low <= values) & (values <= box.high))
            assert inside.all()
            assert not (np.isnan(values) & box.sure).any()


def test_a_value_that_may_jump_or_be_missing_is_not_sure():
    low, high = np.array([-1.0, 1.0]), np.array([0.5, 2.0])
    for text in ("where(x > 0, 1, 2)", "1/x", "log(x)", "sqrt(x)", "x^0.5", "x^(-1)"):
        (box,) = bound(Program.compile(Formula.read(text).tree), low, high, {})
        assert box.sure.tolist() == [False, True]


def test_every_function_of_the_table_has_an_interval():
    assert set(INTERVALS) == set(FUNCTIONS)
