"""A formula: its text, and what follows from it."""

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from activations.formula.derivative import differentiate
from activations.formula.language import MAX_LENGTH, MAX_PARAMETERS, InvalidFormula, explain_parameter, parse, write
from activations.formula.latex import write_latex
from activations.formula.program import Program
from activations.formula.stable import rewrite, stabilize
from activations.formula.table import CONSTANTS, FUNCTIONS
from activations.formula.tree import Node, names
from activations.functions import Array

NUMPY = {name: function.value for name, function in FUNCTIONS.items()}


@dataclass(frozen=True)
class Formula:
    """A formula of ``x`` and parameters; ``text`` is canonical, and equal formulas have equal texts.

    ``tree`` is as written; ``value``, ``derivative`` and ``slope(parameter)`` are in stable forms, for programs.
    """

    text: str
    parameters: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str, parameters: Collection[str] | None = None) -> "Formula":
        """Read a text. Without ``parameters``, they are the unknown names, in the order of their first use.

        Raises:
            InvalidFormula: the text is no formula, or its derivative is too long.
        """
        tree = parse(text, parameters)
        if parameters is None:
            parameters = [name for name in names(tree) if name != "x" and name not in CONSTANTS]
        check_parameters(parameters)
        formula = cls(write_short(tree), tuple(parameters))
        _ = formula.derivative, formula.written_derivative
        return formula

    @functools.cached_property
    def tree(self) -> Node:
        return parse(self.text, self.parameters)

    @functools.cached_property
    def value(self) -> Node:
        return stabilize(self.tree)

    @functools.cached_property
    def derivative(self) -> Node:
        return self.slope("x")

    def slope(self, name: str) -> Node:
        """The derivative by a parameter or by x."""
        return stabilize(differentiate(rewrite(self.tree), name))

    @functools.cached_property
    def written_derivative(self) -> Node:
        return differentiate(self.tree, "x")

    @property
    def derivative_text(self) -> str:
        return write(self.written_derivative)

    @property
    def latex(self) -> str:
        return f"f(x) = {write_latex(self.tree)}"

    @property
    def derivative_latex(self) -> str:
        return f"f'(x) = {write_latex(self.written_derivative)}"

    def evaluate(self, x: ArrayLike, parameters: Mapping[str, float]) -> tuple[Array, Array]:
        """Compute value and derivative, float64 of the shape of ``x``; nan where the formula is not defined."""
        points = np.asarray(x, dtype=np.float64)
        value, derivative = run_over(self.program, points, parameters)
        return value, derivative

    @functools.cached_property
    def program(self) -> Program:
        return Program.compile(self.value, self.derivative)


def check_parameters(parameters: Collection[str]) -> None:
    if len(parameters) > MAX_PARAMETERS:
        raise InvalidFormula(f"a formula has at most {MAX_PARAMETERS} parameters, not {len(parameters)}")
    for name in parameters:
        if reason := explain_parameter(name):
            raise InvalidFormula(reason)


def write_short(tree: Node) -> str:
    text = write(tree)
    if len(text) > MAX_LENGTH:
        raise InvalidFormula(f"with spaces this has more than {MAX_LENGTH:,} characters: write a shorter formula")
    return text


def run_over(program: Program, x: Array, parameters: Mapping[str, float]) -> tuple[Array, ...]:
    """Run a program over an array of x; a result that does not depend on x is the same everywhere."""
    with np.errstate(all="ignore"):
        results = program.run(NUMPY, {"x": x, **CONSTANTS, **parameters}, float)
    return tuple(np.broadcast_to(np.asarray(result, dtype=np.float64), x.shape).copy() for result in results)
