"""Interval arithmetic over arrays of boxes: bounds of all values that a formula takes on a box of x.

Bounds are float64 and rounded outwards; ``SLACK`` is for the errors of NumPy's and SciPy's functions.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from activations.formula.program import Program
from activations.formula.table import CONSTANTS, FUNCTIONS
from activations.functions import Array

LARGEST = np.finfo(np.float64).max
SLACK = 4e-15  # relative
TURN = 2 * np.pi
REDUCIBLE = 1e6  # beyond it sine and cosine are taken to be anything from -1 to 1


Part = Any
"""An array with an item for each box, or a number for all of them."""


class Interval(NamedTuple):
    """Bounds on each box; ``sure`` where the value is certainly defined and continuous in all of the box."""

    low: Part
    high: Part
    sure: Part = True


class Truth(NamedTuple):
    """Whether a comparison holds in all of the box, and whether it fails in all of it."""

    holds: Part
    fails: Part
    sure: Part


def bound(program: Program, low: Array, high: Array, parameters: Mapping[str, float]) -> list[Interval]:
    """Bound the results of a program on the boxes from ``low`` to ``high``."""
    names = {name: widen(value, value, sure=True) for name, value in CONSTANTS.items()}
    names |= {name: number(value) for name, value in parameters.items()} | {"x": Interval(low, high)}
    with np.errstate(all="ignore"):
        results = program.run(INTERVALS, names, number)
    return [Interval(*(np.broadcast_to(part, low.shape) for part in result)) for result in results]


def number(value: float) -> Interval:
    return Interval(np.float64(value), np.float64(value))


def widen(low: Part, high: Part, sure: Part, slack: float = SLACK) -> Interval:
    """Round outwards; what is not a number may be anything."""
    low, high = np.minimum(low, LARGEST), np.maximum(high, -LARGEST)  # what overflows is beyond it, and finite
    low = np.nextafter(low - slack * np.abs(low), -np.inf)
    high = np.nextafter(high + slack * np.abs(high), np.inf)
    return Interval(np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high), sure)


def round_sum(a: Part, b: Part, towards: float) -> Part:
    """Add, and round only where the sum is not exact: 1 - cos(x) is not below 0 (Knuth's TwoSum)."""
    total = a + b
    part = total - a
    error = (a - (total - part)) + (b - part)
    exact_or_inside = error >= 0 if towards < 0 else error <= 0
    rounded = np.where(exact_or_inside, total, np.nextafter(total, towards))
    return np.where(np.isnan(rounded), towards, rounded)


def add(a: Interval, b: Interval) -> Interval:
    return Interval(round_sum(a.low, b.low, -np.inf), round_sum(a.high, b.high, np.inf), a.sure & b.sure)


def negate(a: Interval) -> Interval:
    return Interval(-a.high, -a.low, a.sure)


def subtract(a: Interval, b: Interval) -> Interval:
    return add(a, negate(b))


def extremes(corners: list[Part], sure: Part, slack: float = 0.0) -> Interval:
    """Bound by the corners; 0 times infinity is 0, because every value is finite."""
    low = np.fmin(np.fmin(corners[0], corners[1]), np.fmin(corners[2], corners[3]))
    high = np.fmax(np.fmax(corners[0], corners[1]), np.fmax(corners[2], corners[3]))
    low, high = np.where(np.isnan(low), 0.0, low), np.where(np.isnan(high), 0.0, high)
    return widen(low, high, sure, slack)


def multiply(a: Interval, b: Interval) -> Interval:
    return extremes([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high], a.sure & b.sure)


def divide(a: Interval, b: Interval) -> Interval:
    """Anything where the divisor may be 0."""
    sure = (b.low > 0) | (b.high < 0)
    quotient = extremes([a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high], a.sure & b.sure & sure)
    return either(sure, quotient, anything(quotient.sure))


def either(condition: Part, a: Interval, b: Interval) -> Interval:
    return Interval(*(np.where(condition, one, other) for one, other in zip(a, b, strict=True)))


def anything(sure: Part) -> Interval:
    return Interval(np.float64(-np.inf), np.float64(np.inf), sure)


def raise_interval(a: Interval, b: Interval) -> Interval:
    """A whole exponent, or a base that is not negative."""
    exponent = np.float64(b.low) if np.ndim(b.low) == 0 and b.low == b.high else None
    if exponent is not None and exponent.is_integer():
        return raise_whole(a, exponent)
    sure = (a.low > 0) | ((a.low >= 0) & (b.low > 0))
    low, high = np.maximum(a.low, 0.0), np.maximum(a.high, 0.0)
    power = extremes([low**b.low, low**b.high, high**b.low, high**b.high], a.sure & b.sure & sure, SLACK)
    power = Interval(np.maximum(power.low, 0.0), power.high, power.sure)
    return either(sure, power, anything(power.sure))


def raise_whole(a: Interval, exponent: np.float64) -> Interval:
    if exponent < 0:
        return divide(number(1.0), raise_whole(a, -exponent))
    if exponent % 2 == 0:
        a = absolute(a)
    power = widen(a.low**exponent, a.high**exponent, a.sure)
    return Interval(np.maximum(power.low, 0.0), power.high, a.sure) if exponent % 2 == 0 else power


def absolute(a: Interval) -> Interval:
    low = np.where(a.low > 0, a.low, np.where(a.high < 0, -a.high, 0.0))
    return Interval(low, np.maximum(-a.low, a.high), a.sure)


def increasing(name: str, least: float = -np.inf, most: float = np.inf) -> Callable[[Interval], Interval]:
    """A function that never falls, between its own bounds."""
    value = FUNCTIONS[name].value

    def over(a: Interval) -> Interval:
        wide = widen(value(a.low), value(a.high), a.sure)
        return Interval(np.clip(wide.low, least, most), np.clip(wide.high, least, most), a.sure)

    return over


def defined_above(name: str, least: float, *, itself: bool) -> Callable[[Interval], Interval]:
    """An increasing function with the domain from ``least``, or above it."""
    value = FUNCTIONS[name].value

    def over(a: Interval) -> Interval:
        sure = (a.low >= least) if itself else (a.low > least)
        wide = widen(value(a.low), value(a.high), a.sure & sure)
        return either(sure, wide, anything(wide.sure))

    return over


def apply_erfc(a: Interval) -> Interval:
    value = FUNCTIONS["erfc"].value
    wide = widen(value(a.high), value(a.low), a.sure)
    return Interval(np.clip(wide.low, 0.0, 2.0), np.clip(wide.high, 0.0, 2.0), a.sure)


def apply_cosh(a: Interval) -> Interval:
    distance = absolute(a)
    wide = widen(np.cosh(distance.low), np.cosh(distance.high), a.sure)
    return Interval(np.maximum(wide.low, 1.0), wide.high, a.sure)


def apply_cos(a: Interval) -> Interval:
    """Between the ends, but for the tops at whole turns and the bottoms half a turn later."""
    ends = np.cos(a.low), np.cos(a.high)
    wide = widen(np.minimum(*ends), np.maximum(*ends), a.sure, 1e-9)
    near = np.maximum(np.abs(a.low), np.abs(a.high)) < REDUCIBLE
    low = np.where(near & ~reaches(a, 0.5), wide.low, -1.0)
    high = np.where(near & ~reaches(a, 0.0), wide.high, 1.0)
    return Interval(np.maximum(low, -1.0), np.minimum(high, 1.0), a.sure)


def reaches(a: Interval, phase: float) -> Part:
    """Whether the box has a number of so many turns, a whole number apart from ``phase``."""
    return np.floor(a.high / TURN - phase + 1e-9) >= np.ceil(a.low / TURN - phase - 1e-9)


def apply_sin(a: Interval) -> Interval:
    return apply_cos(subtract(a, widen(TURN / 4, TURN / 4, sure=True)))


def apply_hypot(a: Interval, b: Interval) -> Interval:
    a, b = absolute(a), absolute(b)
    wide = widen(np.hypot(a.low, b.low), np.hypot(a.high, b.high), a.sure & b.sure)
    return Interval(np.maximum(wide.low, 0.0), wide.high, wide.sure)


def apply_logaddexp(a: Interval, b: Interval) -> Interval:
    return widen(np.logaddexp(a.low, b.low), np.logaddexp(a.high, b.high), a.sure & b.sure)


def smaller(a: Interval, b: Interval) -> Interval:
    return Interval(np.minimum(a.low, b.low), np.minimum(a.high, b.high), a.sure & b.sure)


def larger(a: Interval, b: Interval) -> Interval:
    return Interval(np.maximum(a.low, b.low), np.maximum(a.high, b.high), a.sure & b.sure)


def choose(condition: Truth, then: Interval, otherwise: Interval) -> Interval:
    """The branch that is taken, or both; where both may be, the value may jump."""
    union = Interval(np.minimum(then.low, otherwise.low), np.maximum(then.high, otherwise.high), sure=False)
    taken = either(condition.holds, then, either(condition.fails, otherwise, union))
    return Interval(taken.low, taken.high, taken.sure & condition.sure)


def below(a: Interval, b: Interval) -> Truth:
    return Truth(a.high < b.low, a.low >= b.high, a.sure & b.sure)


def not_above(a: Interval, b: Interval) -> Truth:
    return Truth(a.high <= b.low, a.low > b.high, a.sure & b.sure)


INTERVALS: Mapping[str, Callable[..., Any]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "^": raise_interval,
    "neg": negate,
    "<": below,
    "<=": not_above,
    ">": lambda a, b: below(b, a),
    ">=": lambda a, b: not_above(b, a),
    "where": choose,
    "abs": absolute,
    "min": smaller,
    "max": larger,
    "relu": lambda a: larger(a, number(0.0)),
    "clip": lambda a, low, high: smaller(larger(a, low), high),
    "exp": increasing("exp", least=0.0),
    "expm1": increasing("expm1", least=-1.0),
    "sinh": increasing("sinh"),
    "tanh": increasing("tanh", -1.0, 1.0),
    "asinh": increasing("asinh"),
    "atan": increasing("atan"),
    "erf": increasing("erf", -1.0, 1.0),
    "sigmoid": increasing("sigmoid", 0.0, 1.0),
    "Phi": increasing("Phi", 0.0, 1.0),
    "softplus": increasing("softplus", least=0.0),
    "log": defined_above("log", 0.0, itself=False),
    "log1p": defined_above("log1p", -1.0, itself=False),
    "sqrt": defined_above("sqrt", 0.0, itself=True),
    "erfc": apply_erfc,
    "cosh": apply_cosh,
    "cos": apply_cos,
    "sin": apply_sin,
    "hypot": apply_hypot,
    "logaddexp": apply_logaddexp,
}
