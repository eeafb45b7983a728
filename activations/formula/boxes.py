"""Proofs for all x up to 2^202 (6e60): boxes in which interval arithmetic bounds value and slope, halved as needed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from activations.formula.formula import Formula
from activations.formula.intervals import bound
from activations.formula.program import Program
from activations.functions import Array

Mask = NDArray[np.bool_]

NO_SLOPE = 1e-290  # interval arithmetic cannot tell a smaller slope from none
WORK = 600_000  # boxes that are halved, times nodes
MAX_ROUNDS = 60
PROVEN = 2.0**202  # beyond it x^5 overflows, and interval arithmetic has no bounds


@dataclass(frozen=True)
class Boxes:
    """Boxes of x: values at both ends and in the middle, and bounds of all values and slopes within.

    ``sure`` where the value is certainly defined and continuous; bounds of the slope count there alone.
    """

    low: Array
    middle: Array
    high: Array
    at_low: Array
    at_middle: Array
    at_high: Array
    least: Array
    most: Array
    least_slope: Array
    most_slope: Array
    sure: Mask

    def take(self, mask: Mask) -> "Boxes":
        return Boxes(*(getattr(self, field.name)[mask] for field in fields(self)))


class Proof:
    """Proves what holds everywhere, from the boxes between neighbouring numbers of ``x``."""

    def __init__(self, formula: Formula, parameters: Mapping[str, float], x: Array, value: Array) -> None:
        self.formula = formula
        self.parameters = parameters
        self.program = Program.compile(formula.value, formula.derivative)
        self.boxes = self.bound(x[:-1], x[1:], value[:-1], value[1:])

    def bound(self, low: Array, high: Array, at_low: Array, at_high: Array) -> Boxes:
        """Bound the value by its ends where it is monotonic, else by interval arithmetic and by the mean value."""
        filled = (np.nextafter(low, np.inf) < high) & (np.fmax(-low, high) <= PROVEN)  # adjacent ones have no inside
        low, high, at_low, at_high = low[filled], high[filled], at_low[filled], at_high[filled]
        middle = low + (high - low) / 2
        at_middle, _ = self.formula.evaluate(middle, self.parameters)
        value, slope = bound(self.program, low, high, self.parameters)
        with np.errstate(all="ignore"):
            reach = np.maximum(np.abs(slope.low), np.abs(slope.high)) * (high - low) / 2
            least = np.where(value.sure, np.fmax(value.low, at_middle - reach), value.low)
            most = np.where(value.sure, np.fmin(value.high, at_middle + reach), value.high)
        monotonic = value.sure & ((slope.low >= -NO_SLOPE) | (slope.high <= NO_SLOPE))
        least = np.where(monotonic, np.minimum(at_low, at_high), least)
        most = np.where(monotonic, np.maximum(at_low, at_high), most)
        return Boxes(
            low, middle, high, at_low, at_middle, at_high, least, most, slope.low, slope.high, np.asarray(value.sure)
        )

    def holds(self, check: Callable[[Boxes], Mask]) -> bool:
        """Whether a check, which tells for each box whether it holds there, holds everywhere."""
        boxes, work = self.boxes, 0
        for _ in range(MAX_ROUNDS):
            boxes = boxes.take(~check(boxes))
            work += len(boxes.low) * self.program.size
            if not len(boxes.low):
                return True
            if work > WORK:
                break
            boxes = self.halve(boxes)
        return False

    def halve(self, boxes: Boxes) -> Boxes:
        return self.bound(
            np.concatenate([boxes.low, boxes.middle]),
            np.concatenate([boxes.middle, boxes.high]),
            np.concatenate([boxes.at_low, boxes.at_middle]),
            np.concatenate([boxes.at_middle, boxes.at_high]),
        )

    def never_falls(self) -> bool:
        return self.holds(lambda boxes: boxes.sure & (boxes.least_slope >= -NO_SLOPE))
