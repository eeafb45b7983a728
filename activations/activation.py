"""An activation: an elementwise function, its derivative, its parameters and its known properties."""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from activations.formula.formula import Formula
from activations.functions import Array

Parameters = Mapping[str, float | str]
Range = tuple[float | None, float | None]

LARGEST = sys.float_info.max


class InvalidParameter(ValueError):
    """A parameter is unknown to the activation, of the wrong type, or out of bounds."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: a number between ``minimum`` and ``maximum``, or one of ``choices``."""

    name: str
    default: float | str
    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def check(self, given: object) -> float | str:
        """Check a value and return it as the activation's functions take it.

        Raises:
            InvalidParameter: it is of the wrong type, or out of bounds.
        """
        return self._choice(given) if self.choices else self._number(given)

    def _choice(self, given: object) -> str:
        for choice in self.choices:
            if given == choice:
                return choice
        raise InvalidParameter(self.name, f"{self.name} is one of {', '.join(self.choices)}")

    def _number(self, given: object) -> float:
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise InvalidParameter(self.name, f"{self.name} is a number")
        if not self.includes(given):
            low, high = self.bounds
            raise InvalidParameter(self.name, f"{self.name} is a number from {low:g} to {high:g}")
        return float(given)

    @property
    def bounds(self) -> tuple[float, float]:
        low = -LARGEST if self.minimum is None else self.minimum
        high = LARGEST if self.maximum is None else self.maximum
        return low, high

    def includes(self, number: float) -> bool:
        """Whether it is within the bounds; nan is not."""
        low, high = self.bounds
        return low <= number <= high


@dataclass(frozen=True, slots=True)
class Reference:
    title: str
    authors: str
    year: int
    url: str


@dataclass(frozen=True, slots=True)
class Jump:
    """A discontinuity of a derivative: its limits from below and above, and its value there."""

    x: float
    below: float
    at: float
    above: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """An elementwise function, its derivative, and its properties.

    ``value`` and ``derivative`` take an array of finite numbers and every parameter by its name, and return float64
    of the same shape: ``activation.value(x, **activation.complete(given))``. ``bounds`` takes the parameters alone:
    the infimum and supremum of the value, None where there is none. ``monotony`` is the answer of ``monotonic``, for
    all parameters in bounds, or finds it out. ``seams`` are the numbers at which pieces of the definition meet;
    ``find_seams`` takes the parameters, where they depend on those.

    For a ``custom`` activation, a client's own, ``formula`` is there, ``warnings`` say what is unusual about it, and
    what could not be decided is None. ``monotonic`` and ``warnings`` are of its default parameters.
    """

    name: str
    title: str
    value: Callable[..., Array]
    derivative: Callable[..., Array]
    formula_latex: str
    derivative_latex: str
    parameters: tuple[Parameter, ...] = ()
    bounds: Callable[..., Range | None]
    monotony: bool | Callable[[], bool | None]
    seams: tuple[float, ...] = ()
    find_seams: Callable[..., tuple[float, ...]] | None = None
    self_normalizing: bool = False
    advantages: tuple[str, ...] = ()
    drawbacks: tuple[str, ...] = ()
    reference: Reference | None = None
    custom: bool = False
    formula: Formula | None = None
    find_warnings: Callable[[], tuple[str, ...]] = tuple

    def complete(self, given: Parameters) -> dict[str, float | str]:
        """Fill in the catalog's defaults; the parameters are in the catalog's order.

        Raises:
            InvalidParameter: an unknown name, a wrong type, or a value out of bounds.
        """
        return complete_parameters(self.name, self.parameters, given)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)

    def unknown_parameter(self, name: str) -> str:
        return describe_unknown_parameter(self.name, name, self.parameter_names)

    @property
    def monotonic(self) -> bool | None:
        """Whether the value never falls; None where that is not decided."""
        return self.monotony() if callable(self.monotony) else self.monotony

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.find_warnings()

    def range(self, parameters: Parameters) -> Range | None:
        """Return the infimum and supremum of the value for complete parameters, each None where there is none.

        Where a custom activation's range is not decided, return None.
        """
        return self.bounds(**parameters)

    def derivative_at_zero(self, parameters: Parameters) -> float:
        """Return the derivative at 0 of a backward pass, for complete parameters: at a kink the negative branch's."""
        return float(self.derivative(0.0, **parameters))

    def jumps(self, parameters: Parameters) -> list[Jump]:
        """Find the jumps of the derivative, ascending, for complete parameters: seams whose two limits differ.

        A pole, or another seam where a limit or the derivative is not finite, is none.
        """
        seams = self.seams if self.find_seams is None else self.find_seams(**parameters)
        with np.errstate(all="ignore"):
            found = [self._measure_jump(x, parameters) for x in seams]
        return [
            jump
            for jump in found
            if all(map(math.isfinite, (jump.below, jump.at, jump.above)))
            and not math.isclose(jump.below, jump.above, rel_tol=1e-12)
        ]

    def _measure_jump(self, x: float, parameters: Parameters) -> Jump:
        at = float(self.derivative(x, **parameters))
        return Jump(x, self._limit(x, -math.inf, parameters), at, self._limit(x, math.inf, parameters))

    def _limit(self, x: float, side: float, parameters: Parameters) -> float:
        """Extrapolate the derivative's limit from that side, on the line through the two nearest float64."""
        near = math.nextafter(x, side)
        return float(
            2 * self.derivative(near, **parameters) - self.derivative(math.nextafter(near, side), **parameters)
        )


def complete_parameters(activation: str, known: Sequence[Parameter], given: Parameters) -> dict[str, float | str]:
    """Fill in the defaults of an activation's parameters, in their order.

    Raises:
        InvalidParameter: an unknown name, a wrong type, or a value out of bounds.
    """
    names = [parameter.name for parameter in known]
    for name in given:
        if name not in names:
            raise InvalidParameter(name, describe_unknown_parameter(activation, name, names))
    return {parameter.name: parameter.check(given.get(parameter.name, parameter.default)) for parameter in known}


def describe_unknown_parameter(activation: str, name: str, known: Iterable[str]) -> str:
    return f"{activation} has no parameter {name!r}; it has: {', '.join(known) or 'none'}"
