"""The language: what is read, how it is written, and what is refused where."""

import pytest

from activations.formula.language import MAX_DEPTH, MAX_LENGTH, MAX_NODES, InvalidFormula, parse, write
from activations.formula.table import NAMED
from tests.activations.formula.naive import PLAIN, UNSTABLE

CANONICAL = {
    "x**2": "x^2",
    "x ^ 2": "x^2",
    "2^3^x": "2^3^x",
    "(2^3)^x": "(2^3)^x",
    "-x^2": "-x^2",
    "(-x)^2": "(-x)^2",
    "(-2)^2": "(-2)^2",
    "x^-2": "x^(-2)",
    "x*-2": "x*(-2)",
    "--x": "x",
    "-(-2)": "2",
    "+x": "x",
    "-x*x": "-x*x",
    "-(x*x)": "-x*x",
    "-(2*x)": "-2*x",
    "(-x)/(x)": "-x/x",
    "x-(x-1)": "x - (x - 1)",
    "(x-x)-1": "x - x - 1",
    "x/(x/2)": "x/(x/2)",
    "x/(x*2)": "x/(x*2)",
    "(x+1)*x": "(x + 1)*x",
    "x+-x": "x + (-x)",
    "where(x<=1,x,-x)": "where(x <= 1, x, -x)",
    "1e-7*x": "1e-7*x",
    "1E5": "100000",
    "1e22": "1e22",
    ".5": "0.5",
    "5.": "5",
    "007": "7",
    "-0": "0",
    "lambda*x": "lambda*x",
    "if + not*x": "if + not*x",
    "x\n +\t1\r\n": "x + 1",
}

REFUSED = {
    "": (1, "is expected at the end"),
    "   ": (4, "is expected at the end"),
    "x + ": (5, "is expected at the end"),
    "x +* 1": (4, "is expected here, not '*'"),
    "* x": (1, "is expected here"),
    "f(*x)": (3, "is expected here"),
    "f(**x)": (3, "is expected here, not '**'"),
    "()": (2, "is expected here"),
    "exp()": (5, "is expected here"),
    "exp(x,)": (7, "is expected here"),
    "2x": (2, "an operator is expected before 'x'"),
    "x x": (3, "an operator is expected before 'x'"),
    "x 2": (3, "an operator is expected before '2'"),
    "2(x)": (2, "an operator is expected before '('"),
    "(x)(x)": (4, "an operator is expected before '('"),
    "1_000": (2, "an operator is expected before '_000'"),
    "0x10": (2, "an operator is expected before 'x10'"),
    "1j": (2, "an operator is expected before 'j'"),
    "1.2.3": (4, "an operator is expected before '.3'"),
    "lambda: x": (7, "':' is not allowed"),
    "(y := x)": (4, "':' is not allowed"),
    "x if x else 1": (3, "an operator is expected before 'if'"),
    "x and x": (3, "an operator is expected before 'and'"),
    "x.real": (2, "'.' is not allowed"),
    "x[0]": (2, "'[' is not allowed"),
    "'x'": (1, "is not allowed"),
    'f"{x}"': (2, "is not allowed"),
    "x = 1": (3, "'=' is not allowed"),
    "x == 1": (3, "'=' is not allowed"),
    "x != 1": (3, "'!' is not allowed"),
    "x // 2": (4, "is expected here"),
    "x % 2": (3, "'%' is not allowed"),
    "x @ x": (3, "'@' is not allowed"),
    "x\0": (2, "is not allowed"),
    "\uff58": (1, "is not allowed"),
    "x\u00b2": (2, "is not allowed"),
    "\u0661 + x": (1, "is not allowed"),
    "\u03b1*x": (1, "is not allowed"),
    "x\u00a0+ 1": (2, "is not allowed"),
    "\ud800": (1, "is not allowed"),
    "(x": (1, "is not closed"),
    "exp((x)": (1, "is not closed"),
    "x)": (2, "closes nothing"),
    "x, x": (2, "',' is allowed between"),
    "(x, x)": (3, "',' is allowed between"),
    "foo(x)": (1, "unknown function 'foo'; functions are: exp, "),
    "x + foo(x)": (5, "unknown function 'foo'"),
    "x^2 + foo(x)": (7, "unknown function 'foo'"),
    "eval(x)": (1, "unknown function 'eval'"),
    "__import__(x)": (1, "unknown function '__import__'"),
    "x(2)": (1, "x is not a function; for a product write x*(...)"),
    "pi(2)": (1, "pi is not a function"),
    "exp + 1": (1, "exp is a function: write exp(u)"),
    "2*Exp(x)": (3, "unknown function 'Exp'"),
    "exp(x, x)": (1, "exp(u) has 1 argument, not 2"),
    "clip(x, 1)": (1, "clip(u, low, high) has 3 arguments, not 2"),
    "where(x, 1, 2)": (7, "the first argument of where is a comparison"),
    "where(0 < x < 1, 1, 2)": (7, "cannot be chained"),
    "1 + (x < 2)": (6, "a comparison is allowed as the first argument of where"),
    "where(x < 1, x < 2, 1)": (14, "a comparison is allowed as the first argument of where"),
    "X": (1, "'X' is not a parameter's name"),
    "_a*x": (1, "'_a' is not a parameter's name"),
    "x*" + "a" * 33: (3, "is not a parameter's name"),
    "1e400": (1, "a number is 0, or from 1e-300 to 1e+300"),
    "x + 1e-400": (5, "a number is 0, or"),
    "9" * 500: (1, "a number is 0, or"),
    "x^65": (3, "a constant exponent is a number from -64 to 64"),
    "9^9^9": (3, "a constant exponent"),
    "x^(0/0)": (4, "a constant exponent"),
    "x^exp(exp(9))": (3, "a constant exponent"),
}


@pytest.mark.parametrize(("text", "canonical"), CANONICAL.items())
def test_the_canonical_text_is_read_as_the_same_tree(text: str, canonical: str):
    tree = parse(text)
    assert write(tree) == canonical
    assert parse(canonical) == tree


@pytest.mark.parametrize("text", [*PLAIN, *UNSTABLE])
def test_writing_is_idempotent(text: str):
    assert parse(write(parse(text))) == parse(text)


@pytest.mark.parametrize(("text", "column", "message"), [(text, *refusal) for text, refusal in REFUSED.items()])
def test_a_refusal_names_the_column_and_what_is_allowed(text: str, column: int, message: str):
    with pytest.raises(InvalidFormula) as refused:
        parse(text)
    assert refused.value.column == column
    assert message in str(refused.value)


def test_an_unknown_name_is_refused_with_those_that_are_known():
    with pytest.raises(InvalidFormula, match="unknown name 'c'; names are: x, b, pi, e") as refused:
        parse("x*b + c", ["b"])
    assert refused.value.column == 7


def test_an_unknown_function_is_refused_with_all_that_there_are():
    with pytest.raises(InvalidFormula) as refused:
        parse("gelu(x)")
    assert all(name in str(refused.value) for name in NAMED)


TOO_MUCH = {
    "length": (" " * MAX_LENGTH + "x", MAX_LENGTH + 1),
    "parentheses": ("(" * 400 + "x" + ")" * 400, MAX_DEPTH + 2),
    "calls": ("exp(" * 100 + "x" + ")" * 100, MAX_DEPTH * 4 + 5),
    "signs": ("-" * 900 + "x", MAX_DEPTH + 1),
    "powers": ("^".join(["x"] * 400), MAX_DEPTH * 2 - 1),
    "terms": ("+".join(["x"] * 400), 1),
    "nodes": ("+".join(["(x*x*x*x*x*x*x*x*x*x)"] * 20), None),
}


@pytest.mark.parametrize(("text", "column"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_formula_beyond_a_bound_is_refused(text: str, column: int | None):
    with pytest.raises(InvalidFormula, match="at most") as refused:
        parse(text)
    assert column is None or refused.value.column == column


def test_a_formula_at_the_bounds_is_read():
    assert parse("(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH)
    assert parse("+".join(["x"] * MAX_DEPTH))
    assert parse("+".join(["(x*x*x*x*x)"] * (MAX_NODES // 10)))
