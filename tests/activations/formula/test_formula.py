"""A formula's canonical text, derivative and values."""

import numpy as np
import pytest

from activations.formula.formula import Formula
from activations.formula.language import InvalidFormula, parse, write
from activations.formula.table import NAMED

TEXTS = {
    "x*sigmoid(b*x)": "sigmoid(b*x) + x*b*sigmoid(b*x)*(1 - sigmoid(b*x))",
    "x^2": "2*x",
    "-x": "-1",
    "x*log(x)": "log(x) + 1",
    "max(x, 0.1*x)": "where(x > 0.1*x, 1, 0.1)",
    "where(x > 0, x, alpha*(exp(x) - 1))": "where(x > 0, 1, alpha*exp(x))",
    "2^x": "2^x*log(2)",
    "x^b": "b*x^(b - 1)",
    "lambda*x": "lambda",
}


@pytest.mark.parametrize(("text", "derivative"), TEXTS.items())
def test_a_formula_has_a_canonical_text_and_a_readable_derivative(text: str, derivative: str):
    formula = Formula.read(text)
    assert (formula.text, formula.derivative_text) == (text, derivative)


@pytest.mark.parametrize(
    ("text", "canonical"),
    {
        "x**2": "x^2",
        "(x)*(-2)": "x*(-2)",
        "--x": "x",
        "-2*x": "-2*x",
        "-x^2": "-x^2",
        "(-x)*x": "-x*x",
        "2^3^x": "2^3^x",
    }.items(),
)
def test_the_canonical_text_is_read_as_the_same_tree(text: str, canonical: str):
    tree = parse(text)
    assert write(tree) == canonical
    assert parse(canonical) == tree


@pytest.mark.parametrize(
    ("text", "column"),
    {
        "x + foo(x)": 5,
        "x x": 3,
        "x + ": 5,
        "(x": 1,
        "x)": 2,
        "x ^ 9^9^9": 7,
        "x < 1": 1,
        "é": 1,
        "": 1,
        "exp(x, x)": 1,
    }.items(),
)
def test_a_refusal_names_the_column(text: str, column: int):
    with pytest.raises(InvalidFormula) as refused:
        parse(text)
    assert refused.value.column == column


def test_value_and_derivative_have_the_shape_of_x():
    formula = Formula.read("a*x^2 + 1", ["a"])
    value, derivative = formula.evaluate([[1.0, 2.0]], {"a": 3.0})
    np.testing.assert_array_equal(value, [[4.0, 13.0]])
    np.testing.assert_array_equal(derivative, [[6.0, 12.0]])


@pytest.mark.parametrize("name", NAMED)
def test_every_function_is_written_in_latex(name: str):
    arguments = ["x > 0" if name == "where" else "x", "1", "2"][: NAMED[name].arity]
    written = Formula.read(f"{name}({', '.join(arguments)})").latex
    assert written.startswith("f(x) = ")
    assert written.count("{") == written.count("}")
