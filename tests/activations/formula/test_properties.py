"""Range, monotonic, seams and warnings of formulas."""

import numpy as np
import pytest

from activations import catalog
from activations.formula.catalog import CATALOG_FORMULAS, find_formula
from activations.formula.formula import Formula
from activations.formula.properties import Properties, describe
from tests.support.oracle import CASES


def describe_text(text: str, **parameters: float) -> Properties:
    return describe(Formula.read(text, list(parameters)), parameters)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_the_catalog_as_formulas_has_the_catalogs_properties(name: str, parameters: catalog.Parameters):
    known = catalog.find(name)
    numbers = {key: value for key, value in parameters.items() if isinstance(value, float)}
    found = describe(find_formula(name, parameters), numbers)

    assert found.range is not None
    for bound, expected in zip(found.range, known.range(parameters), strict=True):
        assert bound == (None if expected is None else pytest.approx(expected, rel=1e-9))
    assert found.monotonic == known.monotonic
    assert set(found.seams) >= set(known.seams)  # softsign has abs(x), and is smooth at 0
    assert found.warnings == ()


def test_the_catalog_is_covered():
    assert {name for name, _ in CASES} == {key.partition("-")[0] if "gelu" in key else key for key in CATALOG_FORMULAS}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", (None, None)),
        ("2", (2.0, 2.0)),
        ("-x", (None, None)),
        ("x^2", (0.0, None)),
        ("x^5 - x^4", (None, None)),
        ("1 - x^4 + x^3", (None, pytest.approx(1 + 0.75**3 / 4, rel=1e-9))),
        ("sin(x)", (-1.0, 1.0)),
        ("x*sin(x)", (None, None)),
        ("exp(-x^2)", (0.0, 1.0)),
        ("x*exp(-x^2)", pytest.approx((-np.exp(-0.5) / np.sqrt(2), np.exp(-0.5) / np.sqrt(2)), rel=1e-9)),
        ("log(1 + x^2)", (0.0, None)),
        ("asinh(x)", (None, None)),
        ("min(x, 1e200)", (None, 1e200)),
        ("log(x)", (None, None)),
        ("1/x", (None, None)),
        ("x*exp(-x)", (None, pytest.approx(np.exp(-1), rel=1e-9))),
        ("where(x < 0, -1, 1)", (-1.0, 1.0)),
        ("where(x^2 < 2, x, 5)", (pytest.approx(-(2**0.5), rel=1e-9), 5.0)),
    ],
)
def test_a_range_has_the_infimum_and_the_supremum(text: str, expected: object):
    assert describe_text(text).range == expected


@pytest.mark.parametrize("text", ["sqrt(x)", "x/sqrt(x^2)", "1/x^2"])
def test_a_range_that_is_not_proven_is_not_decided(text: str):
    assert describe_text(text).range is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", True),
        ("2", True),
        ("-x", False),
        ("x^3", True),
        ("x^2", False),
        ("x - sin(x)", True),
        ("x - 1.001*sin(x)", False),
        ("x/(1 + abs(x))", True),
        ("sinh(x)", True),
        ("where(x < 1, x, 2*x)", True),
        ("where(x < 1, x, x/2)", False),
        ("where(x > 0, log(x), x)", False),
        ("1/x", False),
        ("-1/x", False),
        ("x + sin(x)^2", None),
        ("log(x)", None),
    ],
)
def test_monotonic_says_whether_the_value_never_falls(text: str, expected: object):
    assert describe_text(text).monotonic is expected


def test_range_monotonic_and_seams_follow_the_parameters():
    text = "where(x > b, x, b*exp(x - b))"
    assert describe_text(text, b=2.0) == Properties(range=(0.0, None), monotonic=True, seams=(2.0,), warnings=())
    negative = describe_text(text, b=-0.3)
    assert (negative.range, negative.monotonic, negative.seams) == ((-0.3, None), False, (-0.3,))


@pytest.mark.parametrize(
    ("text", "seams"),
    [
        ("relu(x - 0.1)", (0.1,)),
        ("clip(3*x, -1, 2)", (-1 / 3, 2 / 3)),
        ("max(x, 2 - x)", (1.0,)),
        ("where(x^2 < 2, x, 5)", (-(2**0.5), 2**0.5)),
        ("abs(x - 1e6)", (1e6,)),
        ("min(exp(x), 5)", (np.log(5),)),
        ("relu(x^2)", ()),
        ("sigmoid(x)", ()),
    ],
)
def test_seams_are_where_pieces_meet(text: str, seams: tuple[float, ...]):
    assert describe_text(text).seams == pytest.approx(seams, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("x*sigmoid(x)", ()),
        ("x*sin(x)/(1 + abs(x))", ()),
        ("relu(x - 30)", ()),
        ("log(x)", ("Not defined for x < 0, because of log(x).", "The value has a pole at x = 0.")),
        ("log(x - 0.3)", ("Not defined for x < 0.3, because of log(x - 0.3).", "The value has a pole at x = 0.3.")),
        ("sqrt(x)", ("Not defined for x < 0, because of sqrt(x).", "The slope has no bound near x = 0.")),
        ("sqrt(abs(x))", ("The slope has no bound near x = 0.",)),
        (
            "sqrt(1 - x^2)",
            (
                "Not defined for x < -1, because of sqrt(1 - x^2).",
                "Not defined for x > 1, because of sqrt(1 - x^2).",
                "The slope has no bound near x = -1.",
                "The slope has no bound near x = 1.",
            ),
        ),
        ("sqrt(-1 - x^2)", ("Not defined anywhere, because of sqrt(-1 - x^2).",)),
        ("x/sqrt(x^2)", ("Not defined at x = 0, because of x/sqrt(x^2).",)),
        ("1/(x^2 - 2)", ("The value has a pole at x = -1.41421.", "The value has a pole at x = 1.41421.")),
        ("where(x < 0, -1, 1)", ("The value jumps at x = 0, from -1 to 1.",)),
        ("where(x > 3, x, 0)", ("The value jumps at x = 3, from 0 to 3.",)),
        ("x^3", ("The slope grows without bound for x to -infinity and for x to infinity.",)),
        ("exp(x)", ("The slope grows without bound for x to infinity.",)),
        ("x*log(1 + exp(x))", ("The slope grows without bound for x to infinity.",)),
        ("sin(x^2)", ("The slope grows without bound for x to -infinity and for x to infinity.",)),
        ("x^60 - x^59", ("The slope grows without bound for x to -infinity and for x to infinity.",)),
        ("x^2*1e300/1e300/x - x", ("Not defined at x = 0, because of x^2*1e300/1e300/x.",)),
    ],
)
def test_what_is_unusual_is_said(text: str, warnings: tuple[str, ...]):
    assert describe_text(text).warnings == warnings


def test_many_alike_warnings_are_counted():
    first, *rest = describe_text("1/sin(x)").warnings
    assert rest == []
    assert first.startswith("The value has a pole at x = 0.") or "Not defined" in first


NESTED = {
    "sines": "+".join(f"sin({number}*x)" for number in range(45)),
    "products": "*".join(f"(x + {number})" for number in range(20)),
    "tanh": "tanh(" * 46 + "x" + ")" * 46,
    "quotients": "x" + "/(1 + x^2)" * 39,
    "relus": "+".join(f"relu(x - {number})" for number in range(45)),
    "powers": "+".join(f"x^{number}" for number in range(45)),
    "poles": "+".join(f"1/(x - {number})" for number in range(40)),
    "x^x": "x^x^x",
}


@pytest.mark.parametrize("text", NESTED.values(), ids=NESTED)
def test_the_longest_formulas_are_described(text: str):
    formula = Formula.read(text)
    found = describe(formula, {})
    x = np.linspace(-20, 20, 1001)
    value, _ = formula.evaluate(x, {})
    if found.range is not None:
        low, high = (-np.inf if found.range[0] is None else found.range[0]), found.range[1] or np.inf
        assert ((value >= low - 1e-9) & (value <= high + 1e-9))[np.isfinite(value)].all()
    if found.monotonic:
        assert (np.diff(value) >= -1e-12).all()
