"""How a gradient comes back through a chain of layers, what clipping makes of it, and what it does to a parameter.

The article's network has one unit a layer: z_l = w_l a_(l-1) + b_l and a_l = f(z_l), for l = 1..L. By the chain rule
dC/db_1 = f'(z_1) w_2 f'(z_2) w_3 ... w_L f'(z_L) dC/da_L.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from activations.functions import Array


def factors(derivatives: Sequence[float], weights: Sequence[float], upstream: float) -> list[float]:
    """Those of dC/db_1, in the order written above.

    Args:
        derivatives: f'(z_1) .. f'(z_L).
        weights: w_2 .. w_L, one fewer.
        upstream: dC/da_L.
    """
    first, *others = derivatives
    return [first, *(factor for pair in zip(weights, others, strict=True) for factor in pair), upstream]


def layer_gradients(chain: Sequence[float]) -> list[float]:
    """dC/db_l, which is dC/dz_l, for l = 1..L, given the factors of the first."""
    return [*running_products(reversed(chain))][1::2][::-1]


def running_products(numbers: Iterable[float]) -> Iterator[float]:
    """The products of the first n, each to a relative 1e-16 n, wherever they went in between.

    The mantissa is kept apart from the exponent, so that a product that passed through what float64 cannot hold is
    not lost, and 0 times it is 0; only a product that is itself too large is infinite.
    """
    mantissa, exponent = 1.0, 0
    for number in numbers:
        part, shift = math.frexp(number)
        mantissa, carry = math.frexp(mantissa * part)
        exponent += shift + carry
        yield scaled(mantissa, exponent)


def scaled(mantissa: float, exponent: int) -> float:
    """The product mantissa 2^exponent; infinite, or 0, beyond float64."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.ldexp(mantissa, exponent))


def bounded(gradient: float, threshold: float) -> float:
    """One number clipped: its norm is its magnitude, so that clipping by value and by norm are the same."""
    return max(-threshold, min(gradient, threshold))


def updated(
    parameter: float, gradient: float, *, learning_rate: float, precision: type[np.floating] = np.float64
) -> float:
    """Gradient descent's next value: all three rounded to the precision, then the product, then the difference."""
    with np.errstate(all="ignore"):  # what is too large for the precision is infinite
        return float(precision(parameter) - precision(learning_rate) * precision(gradient))


def float32(number: float) -> float:
    """The nearest in float32; infinite beyond."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.float32(number))


@dataclass(frozen=True, slots=True)
class Clipped:
    gradient: Array
    norm: float
    """The L2 norm before clipping."""
    scale: float | None
    """What every element was multiplied by; None where each was bounded on its own."""


def clip(gradient: Array, *, by: str, threshold: float) -> Clipped:
    """``value`` bounds each element by +-threshold; ``norm`` scales all of them down to that L2 norm.

    As Keras's clipvalue and clipnorm do, and as the worker clips each tensor. Only a norm that is itself beyond
    float64 is infinite; what is clipped by it is as exact as ever.
    """
    mantissas, exponent = normalized(gradient)
    length = float(np.linalg.norm(mantissas))
    norm = scaled(length, exponent)
    if by == "value":
        return Clipped(np.clip(gradient, -threshold, threshold), norm, scale=None)
    if norm <= threshold:
        return Clipped(gradient, norm, scale=1.0)
    return Clipped(mantissas * (threshold / length), norm, scale=scaled(threshold / length, -exponent))


def normalized(array: Array) -> tuple[Array, int]:
    """Numbers m of at most 1 and an exponent e, with m 2^e = array."""
    exponent = math.frexp(float(np.abs(array).max()))[1]
    with np.errstate(under="ignore"):
        return np.ldexp(array, -exponent), exponent
