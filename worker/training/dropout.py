"""Dropout whose masks come from a generator that is passed in, drawn cheaply."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from activations.functions import SELU_ALPHA, SELU_SCALE

SELU_FLOOR = -SELU_SCALE * SELU_ALPHA
"""SELU's limit for x -> -inf: the value of a unit that alpha dropout switches off."""

Dropout = Callable[[Tensor, float, Generator], Tensor]


def dropout(x: Tensor, rate: float, generator: Generator) -> Tensor:
    """Zero a fraction ``rate`` of the elements and scale the rest by 1 / (1 - rate): the expectation stays."""
    if rate == 0:
        return x
    if x.dtype == torch.float32:
        return x * draw_mask(x, rate, generator).mul_(1 / (1 - rate))
    # The scale is a step of its own: inside a bfloat16 mask, 1 / 0.75 would be off by 0.2 %.
    return x * draw_mask(x, rate, generator) * (1 / (1 - rate))


def alpha_dropout(x: Tensor, rate: float, generator: Generator) -> Tensor:
    """Set a fraction ``rate`` to SELU's floor, then rescale so that mean 0 and variance 1 stay.

    Klambauer et al. 2017, "Self-Normalizing Neural Networks", section "New dropout technique". Keras and torch
    define the rate in the same way: the fraction that is switched off, element by element.
    """
    if rate == 0:
        return x
    keep = draw_mask(x, rate, generator)
    scale = 1 / math.sqrt((1 - rate) * (1 + rate * SELU_FLOOR**2))
    return (x * keep + (1 - keep) * SELU_FLOOR) * scale - scale * rate * SELU_FLOOR


def draw_mask(x: Tensor, rate: float, generator: Generator) -> Tensor:
    """Draw ones with probability 1 - ``rate``, else zeros, in the shape, dtype and memory order of ``x``.

    Random bytes, eight to an int64 draw: a tenth of the time of a draw an element. A rate that is no multiple
    of 1/256 takes four bytes an element and is met to 2^-32.
    """
    lane = torch.int8 if (rate * 256).is_integer() else torch.int32
    bits = torch.iinfo(lane).bits
    threshold = min(round(rate * 2**bits), 2**bits - 1) - 2 ** (bits - 1)
    keep = torch.empty_like(x)
    lanes = draw_bits(x.numel() * bits, generator).view(lane)[: x.numel()].as_strided(keep.shape, keep.stride())
    if lane == torch.int8:
        return keep.copy_(lanes).ge_(threshold)  # exact in every dtype, and a fifth of the time of ge with a cast
    return torch.ge(lanes, threshold, out=keep)  # straight to floats: no bools


def draw_bits(count: int, generator: Generator) -> Tensor:
    words = torch.empty(-(-count // 64), dtype=torch.int64, device=generator.device)
    return words.random_(-(2**63), None, generator=generator)  # without bounds the sign bit would always be 0
