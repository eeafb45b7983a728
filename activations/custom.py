"""An activation made of a formula."""

import functools
from dataclasses import dataclass

from numpy.typing import ArrayLike

from activations.activation import Activation, Parameter
from activations.formula.formula import Formula
from activations.formula.properties import describe
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
    """Make the activation of a definition; the same one for an equal definition.

    ``monotonic``, ``seams`` and ``warnings`` hold for the default parameters; the range and the jumps follow those that
    are given.
    """
    formula = definition.formula
    known = describe(formula, {parameter.name: float(parameter.default) for parameter in definition.parameters})

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
        bounds=lambda **parameters: describe(formula, parameters).range,
        monotonic=known.monotonic,
        seams=known.seams,
        find_seams=lambda **parameters: describe(formula, parameters).seams,
        custom=True,
        formula=formula,
        warnings=known.warnings,
    )
