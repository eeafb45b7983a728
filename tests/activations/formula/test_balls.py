"""Certified values against mpmath's, with more digits than cancel."""

import math
import sys
import threading
from collections.abc import Callable, Mapping

import mpmath as mp
import numpy as np
import pytest
from flint import ctx

from activations import catalog
from activations.formula import batch
from activations.formula.balls import Certified, certify
from activations.formula.catalog import find_formula
from activations.formula.formula import Formula
from activations.formula.table import FUNCTIONS
from activations.formula.tree import COMPARISONS, Name, Node, Number, fold
from tests.support.oracle import CASES

DIGITS = 400  # 1 - tanh(x) loses 261 of them at 300
SMALLEST_TRUE = 1e-300

MPMATH: Mapping[str, Callable[..., mp.mpf]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": mp.power,
    "neg": lambda a: -a,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "abs": abs,
    "min": min,
    "max": max,
    "relu": lambda a: max(a, mp.mpf(0)),
    "clip": lambda a, low, high: min(max(a, low), high),
    "where": lambda condition, then, otherwise: then if condition else otherwise,
    "sigmoid": lambda a: 1 / (1 + mp.exp(-a)),
    "softplus": lambda a: mp.log1p(mp.exp(a)),
    "Phi": lambda a: mp.erfc(-a / mp.sqrt(2)) / 2,
    **{name: getattr(mp, name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "sinh")},
    **{name: getattr(mp, name) for name in ("cosh", "asinh", "atan", "erf", "erfc")},
}

SOMEWHERE = [-40.0, -7.25, -2.0, -0.7, -1e-9, 1e-20, 1e-9, 0.3, 1.0, 2.5, 7.0, 19.5, 37.5]
TAILS = [-700.0, -300.0, -38.5, 38.5, 300.0, 700.0]
POSITIVE = [1e-300, 1e-9, 0.25, 1.0, 1.5, 3.0, 1e9, 1e300]
ONE_ARGUMENT = ["exp", "expm1", "sin", "cos", "tanh", "sinh", "cosh", "asinh", "atan", "erf", "erfc", "sigmoid"]
ONE_ARGUMENT += ["softplus", "Phi", "relu", "abs"]
FORMULAS = [
    *((f"{name}(x)", SOMEWHERE + TAILS) for name in ONE_ARGUMENT),
    *((f"{name}(x)", POSITIVE) for name in ("log", "log1p", "sqrt")),
    ("log1p(x)", [-1 + 1e-15, -0.5, -1e-12]),
    ("x^0.7", POSITIVE),
    ("x^(-3)", SOMEWHERE),
    ("x^x", [0.5, 1.25, 7.0, 100.0]),
    ("2^x", SOMEWHERE),
    ("e^(-x^2)*pi", SOMEWHERE),
    ("b*x*sigmoid(b*x)", SOMEWHERE + TAILS),
    ("1 - tanh(x)", SOMEWHERE + TAILS),
    ("1/(1 + exp(-x))", SOMEWHERE + TAILS),
    ("x*tanh(log(1 + exp(x)))", SOMEWHERE + TAILS),
    ("x*Phi(b*x) - erfc(x)/b", SOMEWHERE),
    ("log(cosh(x)) - abs(x)", SOMEWHERE + TAILS),
    ("where(x > b, sin(x)/x, cos(x)^3)", SOMEWHERE),
    ("max(x, b*x) + min(exp(x), 2) - clip(x, -1, 5)", SOMEWHERE),
    ("exp(exp(x))", [-700.0, -1.0, 0.0, 3.0, 6.5, 6.6, 7.0]),
    ("sin(x)/x^64", [1e22, 123.0, 0.004]),
    ("atan(sinh(x))*asinh(x)", SOMEWHERE + TAILS),
]
PARAMETERS = {"b": 0.1}


def certify_text(text: str, x: list[float], parameters: Mapping[str, float] | None = None) -> Certified:
    return certify(Formula.read(text), x, PARAMETERS if parameters is None else parameters)


def compute(tree: Node, x: mp.mpf, parameters: Mapping[str, float]) -> mp.mpf:
    names = {"x": x, "pi": +mp.pi, "e": +mp.e} | {name: mp.mpf(value) for name, value in parameters.items()}

    def visit(node: Node, arguments: tuple[mp.mpf, ...]) -> mp.mpf:
        if isinstance(node, Number):
            return mp.mpf(node.value)
        return names[node.name] if isinstance(node, Name) else MPMATH[node.function](*arguments)

    return fold(tree, visit)


def differentiate(tree: Node, x: float) -> mp.mpf:
    """The central difference, true to some 100 digits."""
    step = mp.mpf("1e-60") * (abs(x) or 1)
    above, below = (compute(tree, mp.mpf(x) + change, PARAMETERS) for change in (step, -step))
    return (above - below) / (2 * step)


def assert_true(got: float, true: mp.mpf):
    if abs(true) > sys.float_info.max:
        assert got == float(mp.sign(true)) * math.inf
    else:  # half a unit in the last place, of a subnormal number too
        assert abs(mp.mpf(float(got)) - true) <= max(abs(true) * mp.mpf("1.2e-16"), mp.mpf("2.5e-324"))


@pytest.mark.parametrize(("text", "x"), FORMULAS)
def test_value_and_derivative_are_rounded_to_the_nearest_float64(text: str, x: list[float]):
    formula, result = Formula.read(text), certify_text(text, x)

    assert (result.reasons_value, result.reasons_derivative) == ({}, {})
    with mp.workdps(DIGITS):
        for point, value, slope in zip(x, result.value, result.derivative, strict=True):
            assert_true(value, compute(formula.tree, mp.mpf(point), PARAMETERS))
            assert_true(slope, differentiate(formula.tree, point))


def test_every_function_of_the_table_has_a_ball():
    assert set(batch.BALLS) | set(COMPARISONS) | {"where"} == set(FUNCTIONS)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_the_catalog_as_formulas_has_the_catalogs_values(name: str, parameters: catalog.Parameters):
    x = np.concatenate([np.linspace(-50, 50, 401), np.linspace(-800, 800, 33), [-1e300, -1e-300, 1e-300, 1e300]])
    known, result = catalog.find(name), certify(find_formula(name, parameters), x, numbers(parameters))

    assert (result.reasons_value, result.reasons_derivative) == ({}, {})
    np.testing.assert_allclose(known.value(x, **parameters), result.value, rtol=1e-12, atol=SMALLEST_TRUE)
    np.testing.assert_allclose(known.derivative(x, **parameters), result.derivative, rtol=1e-12, atol=1e-16)


def numbers(parameters: catalog.Parameters) -> dict[str, float]:
    return {name: value for name, value in parameters.items() if isinstance(value, float)}


NAN = math.nan


@pytest.mark.parametrize(
    ("text", "x", "value", "derivative"),
    [
        ("1/x", 0.0, "pole", "pole"),
        ("1/(x - 3)^2", 3.0, "pole", "pole"),
        ("x^(-1)", 0.0, "pole", "pole"),
        ("log(x)", 0.0, "pole", "pole"),
        ("log1p(x)", -1.0, "pole", "pole"),
        ("x + 1/(1 - 1)", 2.0, "pole", "pole"),
        ("log(x)", -1.0, "undefined", "undefined"),
        ("log1p(x)", -1.5, "undefined", "undefined"),
        ("sqrt(x)", -1e-300, "undefined", "undefined"),
        ("x^0.5", -2.0, "undefined", "undefined"),
        ("x/sqrt(x^2)", 0.0, "undefined", "undefined"),
        ("x*sqrt(-2)", 0.0, "undefined", "undefined"),
        ("sqrt(x)", 0.0, 0.0, "pole"),
        ("abs(x)^pi", 0.0, 0.0, 0.0),
        ("where(x < 0, -1, 1)", 0.0, 1.0, "jump"),
        ("where(x < 0, -1, 1)", -0.0, 1.0, "jump"),
        ("where(x <= 0, 2*x + 3, x)", 0.0, 3.0, "jump"),
        ("exp(where(sin(x) > 0, 1, 2))", 0.0, math.exp(2), "jump"),
        ("where(x > 0, where(x > 1, x, 5), 0)", 1.0, 5.0, "jump"),
        ("where(x < 0, 0, x)", 0.0, 0.0, 1.0),
        ("where(x > 0, x, 0.1*x)", 0.0, 0.0, 0.1),
        ("x*where(x > 0, 1, -1)", 0.0, 0.0, -1.0),
        ("where(abs(x) < 0, 1, 2)", 0.0, 2.0, 0.0),
        ("where(x > x, 1, 2*x)", 0.5, 1.0, 2.0),
        ("where(x > 0, 1/x, 0)", -1.0, 0.0, 0.0),
        ("where(x > 0, log(x), x)", -1.0, -1.0, 1.0),
        ("where(x > 0, x, 1/0)", 1.0, 1.0, 1.0),
        ("relu(x)", -1.0, 0.0, 0.0),
        ("relu(x)", 0.0, 0.0, 0.0),
        ("abs(x)", 0.0, 0.0, -1.0),
        ("clip(x, -1, 1)", 1.0, 1.0, 0.0),
        ("clip(x, -1, 1)", -1.0, -1.0, 0.0),
        ("max(x, 2*x)", 0.0, 0.0, 1.0),
        ("min(x, 2*x)", 0.0, 0.0, 2.0),
        ("min(x^64, 1e300)", 1e300, 1e300, 0.0),
        ("exp(x)", 1e300, math.inf, math.inf),
        ("-exp(x^2)", 1e300, -math.inf, -math.inf),
        ("exp(-x^64)", 1e300, 0.0, 0.0),
        ("x^2", 1e-162, 1e-324, 2e-162),
        ("exp(x)", -744.0, math.exp(-744), math.exp(-744)),
        ("sin(x)^2 + cos(x)^2 - 1", 1e300, 0.0, 0.0),
        ("exp(exp(exp(x)))", 1e300, "undecided", "undecided"),
        ("sin(exp(exp(x)))", 1000.0, "undecided", "undecided"),
        ("max(exp(log(x)), 2*x - 3)", 3.0, 3.0, "undecided"),
    ],
)
def test_a_point_has_its_number_or_its_reason(text: str, x: float, value: float | str, derivative: float | str):
    result = certify_text(text, [x], {})
    for got, reasons, expected in (
        (result.value, result.reasons_value, value),
        (result.derivative, result.reasons_derivative, derivative),
    ):
        if isinstance(expected, str):
            assert (reasons, math.isnan(got[0])) == ({0: expected}, True)
        else:
            assert (reasons, got[0]) == ({}, pytest.approx(expected, rel=1e-15, abs=0))


def test_zero_has_no_sign():
    result = certify_text("-relu(x)", [-1.0, 0.0], {})
    assert [math.copysign(1, value) for value in [*result.value, *result.derivative]] == [1.0] * 4


def test_reasons_are_under_the_flat_positions():
    result = certify(Formula.read("1/x"), [[1.0, 0.0], [0.0, 2.0]], {})
    assert result.value.shape == (2, 2)
    assert result.reasons_value == result.reasons_derivative == {1: "pole", 2: "pole"}


def test_no_points_are_certified():
    result = certify(Formula.read("x"), [], {})
    assert (result.value.shape, result.reasons_value) == ((0,), {})


def test_the_functions_are_as_deep_as_a_formula_may_be():
    text = "x"
    for _ in range(20):
        text = f"where({text} < x, 1, x)" if len(text) < 300 else f"clip({text}, -1, x)"
    assert certify_text(text, [0.5], {}).reasons_value == {}


def test_many_points_are_certified():
    x = np.linspace(-20, 20, 100_000)
    result = certify_text("x*sigmoid(b*x)", x.tolist())
    assert (result.reasons_value, result.reasons_derivative) == ({}, {})
    assert result.value[-1] == pytest.approx(20 / (1 + math.exp(-2)), rel=1e-15)


def test_two_threads_do_not_change_each_others_precision():
    expected = certify_text("log(cosh(x)) - x", [0.25] * 2000).value
    found: list[Certified] = []
    texts = ["log(cosh(x)) - x", "log(cosh(1000*x)) - 1000*x + exp(-2000*x)"]  # the second one takes more bits
    threads = [
        threading.Thread(target=lambda text=text: found.append(certify_text(text, [0.25] * 2000))) for text in texts * 2
    ]
    before = ctx.prec
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ctx.prec == before
    assert all(result.reasons_value == {} for result in found)
    assert sum(np.array_equal(result.value, expected) for result in found) == 2
