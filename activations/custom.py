"""An activation made of a formula."""

import functools
from dataclasses import dataclass

from numpy.typing import ArrayLike

from activations.activation import Activation, Parameter, Range
from activations.formula.formula import Formula
from activations.functions import Array


@dataclass(frozen=True, slots=True)
class Definition:
    """What a client says of an activation of their own; each parameter of the formula is among ``parameters``."""

    name: str
    title: str
    formula: Formula
    parameters: tuple[Parameter, ...] = ()


@functools.lru_cache(maxsize=256)
def make_activation(definition: Definition) -> Activation:
    """Make the activation of a definition; the same one for an equal definition."""
    formula = definition.formula

    def value(x: ArrayLike, /, **parameters: float) -> Array:
        return formula.evaluate(x, parameters)[0]

    def derivative(x: ArrayLike, /, **parameters: float) -> Array:
        return formula.evaluate(x, parameters)[1]

    return Activation(
        name=definition.name,
        title=definition.title,
        value=value,
        derivative=derivative,
        formula_latex=formula.latex,
        derivative_latex=formula.derivative_latex,
        parameters=definition.parameters,
        bounds=undecided,
        monotonic=None,
        custom=True,
        formula=formula,
    )


def undecided(**_: float | str) -> Range | None:
    return None
