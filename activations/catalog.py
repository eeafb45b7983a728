"""One entry an activation: value, derivative, formulas, parameters, reference."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Parameters = Mapping[str, float | str]


class UnknownActivation(LookupError):
    """No activation has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown activation {name!r}; known: {', '.join(ACTIVATIONS)}")
        self.name = name


class InvalidParameter(ValueError):
    """A parameter is unknown to the activation, of the wrong type, or out of bounds."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number between ``minimum`` and ``maximum``, or one of ``choices``."""

    name: str
    default: float | str
    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    title: str
    authors: str
    year: int
    url: str


@dataclass(frozen=True, slots=True)
class Activation:
    """An elementwise function, its derivative, and what to know before using it."""

    name: str
    title: str
    value: Callable[..., Array]
    derivative: Callable[..., Array]
    formula_latex: str
    derivative_latex: str
    reference: Reference
    parameters: tuple[Parameter, ...] = ()
    self_normalizing: bool = False

    def complete(self, given: Parameters) -> dict[str, float | str]:
        """The parameters with the catalog's defaults filled in, in the catalog's order.

        Raises:
            InvalidParameter: an unknown name, a wrong type, or a value out of bounds.
        """
        raise NotImplementedError(given)


ACTIVATIONS: Mapping[str, Activation] = {}


def find(name: str) -> Activation:
    """The catalog's entry of this name.

    Raises:
        UnknownActivation: there is none.
    """
    try:
        return ACTIVATIONS[name]
    except KeyError:
        raise UnknownActivation(name) from None
