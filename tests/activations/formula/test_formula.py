"""A formula's canonical text, derivative and values."""

import numpy as np
import pytest

from activations.formula.formula import Formula
from activations.formula.language import InvalidFormula
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


def test_equal_formulas_have_equal_texts():
    assert Formula.read(" x ** 2+ b ") == Formula.read("x^2 + b")


def test_parameters_are_the_unknown_names_in_the_order_of_their_use():
    assert Formula.read("b*x + exp(a*x) - b*pi").parameters == ("b", "a")


@pytest.mark.parametrize("name", ["x", "e", "exp", "A", "1a", "a" * 33])
def test_a_name_with_a_meaning_of_its_own_cannot_be_a_parameter(name: str):
    with pytest.raises(InvalidFormula):
        Formula.read("x", [name])


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "^".join(["x"] * 46): "the derivative by x of this formula has more than 4,000",
        "+".join(["(0.12345678901234567+x)"] * 41): "with spaces this has more than 1,000",
        "+".join(f"p{number}" for number in range(17)): "at most 16 parameters, not 17",
    }.items(),
)
def test_a_formula_with_too_much_to_work_with_is_refused(text: str, message: str):
    with pytest.raises(InvalidFormula, match=message):
        Formula.read(text)


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
