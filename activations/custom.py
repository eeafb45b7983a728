"""An activation made of a formula."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from activations.activation import Activation, Parameter
from activations.formula.formula import Formula
from activations.functions import Array

if TYPE_CHECKING:
    from activations.formula.properties import Properties


@dataclass(frozen=True, slots=True)
class Definition:
    """A client's own activation, as it is stored; each parameter of the formula is among ``parameters``."""

    name: str
    title: str
    formula: Formula
    parameters: tuple[Parameter, ...] = ()


@functools.lru_cache(maxsize=256)
def make_activation(definition: Definition) -> Activation:
    """Make the activation of a definition; the same one for an equal definition.

    ``monotonic`` and ``warnings`` hold for the default parameters; the range and the jumps follow those that are given.
    All of it is found out when it is asked for: a sweep makes hundreds of activations, and asks for nothing.
    """
    formula = definition.formula
    defaults = {parameter.name: float(parameter.default) for parameter in definition.parameters}

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
        bounds=lambda **parameters: study(formula, parameters).range,
        monotony=lambda: study(formula, defaults).monotonic,
        find_seams=lambda **parameters: study(formula, parameters).seams,
        custom=True,
        formula=formula,
        find_warnings=lambda: study(formula, defaults).warnings,
    )


def study(formula: Formula, parameters: Mapping[str, float]) -> "Properties":
    from activations.formula.properties import describe  # noqa: PLC0415  # the API starts without it

    return describe(formula, parameters)
