"""Certified values: balls that contain the true value, at rising precision, until they determine the float64."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from time import thread_time

import numpy as np
from flint import arb, ctx
from numpy.typing import ArrayLike

from activations.formula.batch import Balls, Batch, find_varying, share
from activations.formula.certified import Certified
from activations.formula.formula import Formula
from activations.formula.tree import Node, is_call, postorder

PRECISIONS = (128, 256, 512, 1024, 2048, 4096)
"""Bits, tried in this order. The last ones are for what cancels to hundreds of digits, or is as large as exp(1e300)."""
ENOUGH_BITS = 60  # of the midpoint, which is then rounded correctly but for one in 60 of the points
LEAST_BITS = 41  # at the last precision: a relative 5e-13
CHUNK = 4_000_000  # nodes times points times bits computed at a time: some 10 ms, then it is another thread's turn
SECONDS = 20.0  # of the processor, for a request; 100,000 points take less than one, and some 8 of the longest formulas

UNDERFLOW = arb((1, -1075))  # half of the smallest float64
OVERFLOW = arb((2**54 - 1, 970))  # from here on the nearest float64 is infinite

PRECISION_LOCK = Lock()
"""flint's precision belongs to the process, not to a thread: it is set and used under this lock alone."""


def certify(formula: Formula, x: ArrayLike, parameters: Mapping[str, float]) -> Certified:
    """Compute value and derivative of the formula as mathematics; ``x`` and parameters are exact float64."""
    points = np.asarray(x, dtype=np.float64)
    search = Search(formula, points.ravel().tolist(), parameters)
    search.run(thread_time() + SECONDS)
    return Certified(
        value=np.array(search.value.numbers).reshape(points.shape),
        derivative=np.array(search.derivative.numbers).reshape(points.shape),
        reasons_value=search.value.give_reasons(),
        reasons_derivative=search.derivative.give_reasons(),
    )


class Outcome:
    """A tree's numbers at all points, nan until they are decided; and why some never will be."""

    def __init__(self, tree: Node, count: int) -> None:
        self.tree = tree
        self.numbers = [math.nan] * count
        self.reasons: dict[int, str] = {}

    def take(self, position: int, number: float | None, reason: str | None) -> bool:
        """Keep what was found at a point; return whether that is final."""
        if number is not None:
            self.numbers[position] = number
        elif reason is not None:
            self.reasons[position] = reason
        return number is not None or reason is not None

    def refuse(self, position: int, reason: str) -> None:
        self.numbers[position] = math.nan
        self.reasons[position] = reason

    def give_reasons(self) -> dict[int, str]:
        missing = [position for position, number in enumerate(self.numbers) if math.isnan(number)]
        return {position: self.reasons.get(position, "undecided") for position in missing}


class Search:
    """Value and derivative at all points, at rising precision."""

    def __init__(self, formula: Formula, points: Sequence[float], parameters: Mapping[str, float]) -> None:
        self.points = points
        self.parameters = parameters
        self.written, value, derivative = share(formula.tree, formula.value, formula.derivative)
        self.value = Outcome(value, len(points))
        self.derivative = Outcome(derivative, len(points))
        self.varying = find_varying(self.written, value, derivative)
        self.may_jump = any(is_call(node, "where") for node in postorder(self.written))
        self.ties: set[int] = set()

    def run(self, deadline: float) -> None:
        pending: list[int] = list(range(len(self.points)))
        for bits in PRECISIONS:
            undecided: list[int] = []
            for chunk in self.split(pending, bits):
                if thread_time() > deadline:
                    return
                with precision(bits):
                    undecided += self.decide(chunk, ENOUGH_BITS if bits < PRECISIONS[-1] else LEAST_BITS)
            pending = undecided
        for chunk in self.split(sorted(self.ties), PRECISIONS[1]):
            with precision(PRECISIONS[1]):
                self.refuse_jumps(chunk)

    def split(self, positions: Sequence[int], bits: int) -> Iterator[Sequence[int]]:
        length = max(1, CHUNK // (bits * len(self.varying)))
        return (positions[start : start + length] for start in range(0, len(positions), length))

    def decide(self, chunk: Sequence[int], bits: int) -> list[int]:
        """Decide what this precision can; return the positions of the rest."""
        batch = self.make_batch([self.points[position] for position in chunk])
        values = round_balls(batch.evaluate(self.value.tree), bits)
        reasons = dict(batch.findings.reasons)
        slopes = round_balls(batch.evaluate(self.derivative.tree), bits)
        if self.may_jump:
            self.ties.update(chunk[index] for index in batch.findings.ties)
        undecided = []
        for index, position in enumerate(chunk):
            value_reason = reasons.get(index)
            known = self.value.take(position, values[index], value_reason)
            if values[index] is None and value_reason is not None:  # without a value there is no derivative
                self.derivative.refuse(position, value_reason)
            elif not (self.derivative.take(position, slopes[index], batch.findings.reasons.get(index)) and known):
                undecided.append(position)
        return undecided

    def refuse_jumps(self, chunk: Sequence[int]) -> None:
        """Compare the value with its limits from both sides, the neighbours' branches, where a comparison is a tie."""
        points = [self.points[position] for position in chunk]
        here = self.make_batch(points).evaluate(self.written)
        sides = []
        for towards in (-math.inf, math.inf):
            neighbours = self.make_batch([adjacent(point, towards) for point in points])
            sides.append(self.make_batch(points, neighbours).evaluate(self.written))
        for position, at, below, above in zip(chunk, here, *sides, strict=True):
            if any(apart(one, other) for one, other in ((at, below), (at, above), (below, above))):
                self.derivative.refuse(position, self.value.reasons.get(position, "jump"))

    def make_batch(self, points: Sequence[float], judge: Batch | None = None) -> "Batch":
        names = {name: arb(value) for name, value in self.parameters.items()}
        names |= {"pi": arb.pi(), "e": arb.const_e()}
        return Batch(list(map(arb, points)), names, self.varying, judge)


@contextmanager
def precision(bits: int) -> Iterator[None]:
    with PRECISION_LOCK, ctx.workprec(bits):
        yield


def adjacent(point: float, towards: float) -> float:
    following = math.nextafter(point, towards)
    return point if math.isinf(following) else following


def apart(one: arb, other: arb) -> bool:
    """Whether two balls have no number in common; one that is not finite may be anything."""
    return bool(one.is_finite() and other.is_finite() and not one.overlaps(other))


def round_balls(balls: Balls, bits: int) -> list[float | None]:
    """Round each ball to the float64 nearest to its midpoint, or to None where the ball is too wide for that."""
    accuracies = map(arb.rel_accuracy_bits, balls)
    return [
        float(ball) + 0.0 if accuracy >= bits else round_wide(ball)  # no negative zero
        for ball, accuracy in zip(balls, accuracies, strict=True)
    ]


def round_wide(ball: arb) -> float | None:
    """Round a ball that is near 0, or beyond float64, as a whole."""
    if not ball.is_finite():
        return None
    if ball.abs_upper() <= UNDERFLOW:
        return 0.0
    if ball.abs_lower() >= OVERFLOW:
        return math.copysign(math.inf, float(ball))
    return None
