"""Gradients through a chain of layers, their clipping, and the update of a parameter by them.

The article's network has one unit a layer: z_l = w_l a_(l-1) + b_l and a_l = f(z_l), for l = 1..L. By the chain rule
dC/db_1 = f'(z_1) w_2 f'(z_2) w_3 ... w_L f'(z_L) dC/da_L.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from activations.functions import Array


def factors(derivatives: Sequence[float], weights: Sequence[float], upstream: float) -> list[float]:
    """List the factors of dC/db_1, in the order written above.

    Args:
        derivatives: f'(z_1) .. f'(z_L).
        weights: w_2 .. w_L, one fewer.
        upstream: dC/da_L.
    """
    first, *others = derivatives
    return [first, *(factor for pair in zip(weights, others, strict=True) for factor in pair), upstream]


def layer_gradients(chain: Sequence[float]) -> list[float]:
    """Compute dC/db_l, which is dC/dz_l, for l = 1..L, from the factors of dC/db_1."""
    return [*running_products(reversed(chain))][1::2][::-1]


def running_products(numbers: Iterable[float]) -> Iterator[float]:
    """Yield the products of the first n numbers, each with a relative error of 1e-16 n, whatever the partial products.

    The mantissa is kept apart from the exponent, so that a partial product beyond float64 is not lost, and 0 times it
    is 0; only a product that is itself too large is infinite.
    """
    mantissa, exponent = 1.0, 0
    for number in numbers:
        part, shift = math.frexp(number)
        mantissa, carry = math.frexp(mantissa * part)
        exponent += shift + carry
        yield scaled(mantissa, exponent)


def scaled(mantissa: float, exponent: int) -> float:
    """Compute mantissa 2^exponent; infinite, or 0, beyond float64."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.ldexp(mantissa, exponent))


def bounded(gradient: float, threshold: float) -> float:
    """Clip one number: its norm is its magnitude, so clipping by value and by norm are the same."""
    return max(-threshold, min(gradient, threshold))


def updated(
    parameter: float, gradient: float, *, learning_rate: float, precision: type[np.floating] = np.float64
) -> float:
    """Apply one step of gradient descent: the inputs, the product and the difference are rounded to the precision."""
    with np.errstate(all="ignore"):  # a number too large for the precision is infinite
        return float(precision(parameter) - precision(learning_rate) * precision(gradient))


def float32(number: float) -> float:
    """Round to float32; infinite beyond its range."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.float32(number))


@dataclass(frozen=True, slots=True)
class Clipped:
    gradient: Array
    norm: float
    """The L2 norm before clipping."""
    scale: float | None
    """The factor of every element; None if each was bounded on its own."""


def clip(gradient: Array, *, by: str, threshold: float) -> Clipped:
    """Clip a gradient: ``value`` bounds each element by +-threshold; ``norm`` scales all of them down to that L2 norm.

    Keras's clipvalue and clipnorm do the same, and the worker clips each tensor so. Only a norm that is itself beyond
    float64 is infinite; the gradient clipped by it is still exact.
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
    """Split into numbers m of at most 1 and an exponent e, with m 2^e = array."""
    exponent = math.frexp(float(np.abs(array).max()))[1]
    with np.errstate(under="ignore"):
        return np.ldexp(array, -exponent), exponent
