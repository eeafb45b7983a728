"""Properties of a formula that follow from its tree: range, monotonic, seams, and what is unusual about it.

Values are sampled over all of float64. What is said of range and monotonic is proven for every float64 by interval
arithmetic up to 2^202, and None where that does not succeed; beyond, the samples and the limits count.
"""

import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from activations.formula.boxes import Boxes, Mask, Proof
from activations.formula.certified import Certified
from activations.formula.formula import Formula, run_over
from activations.formula.grid import LARGEST, find_crossings, find_divisors, find_runs, find_switches, make_grid
from activations.formula.language import write
from activations.formula.program import Program
from activations.formula.tree import Node, children, is_call, postorder
from activations.functions import Array

Indices = NDArray[np.intp]
Range = tuple[float | None, float | None]

SIDES = (-1.0, 1.0)
TOLERANCE = 1e-9  # of the range, relative from 1 on
FAR = 1e6  # from here on are the tails
ENORMOUS = 1e100  # a value or slope that reaches it has no bound, unless its limit is known
MAX_SUSPECTS = 200
POLE = 1e12  # reached beside a divisor's sign change
STEEPEST = 1e9  # of a slope beside a seam that explains a difference of values
SMALL = 1e-150
JUMP = 1e-9  # relative: a smaller one may be rounding
SMALLEST_JUMP = 1e-30  # the root of |x|, which has no jump, is 2e-162 beside 0
MAX_SEAMS = 64
MAX_ALIKE = 4
PARTIAL = ("/", "^", "log", "log1p", "sqrt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """``range`` and ``monotonic`` (the value never falls) are None where they are not decided.

    ``range`` has the infimum and the supremum, each None where there is none. ``seams`` are the numbers, ascending, at
    which pieces of the definition meet; of more than 64, those nearest to 0. ``warnings`` are for a reader.
    """

    range: Range | None
    monotonic: bool | None
    seams: tuple[float, ...]
    warnings: tuple[str, ...]


def describe(formula: Formula, parameters: Mapping[str, float]) -> Properties:
    """Find out what can be known about a formula for these parameters."""
    return study(formula, tuple(parameters.items()))


@functools.lru_cache(maxsize=256)
def study(formula: Formula, parameters: tuple[tuple[str, float], ...]) -> Properties:
    return Study(formula, dict(parameters)).conclude()


@dataclass(frozen=True, slots=True)
class Gap:
    """Float64 at which the formula is not defined, both ends included."""

    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Jump:
    """A seam at which the value jumps: before it, at it and after it."""

    x: float
    before: float
    at: float
    after: float


class Study:
    """Values and slopes of a formula over all of float64, with its seams, gaps, poles and jumps."""

    def __init__(self, formula: Formula, parameters: Mapping[str, float]) -> None:
        self.formula = formula
        self.parameters = parameters
        grid = make_grid(formula.tree, parameters)
        self.seams = find_crossings([*find_switches(formula.tree)], grid, parameters)
        self.divisions = find_crossings([*find_divisors(formula.tree)], grid, parameters, touching=True)
        turns = find_crossings([formula.derivative], grid, parameters, steps=30)
        corners = np.concatenate([self.seams, self.divisions])
        beside = [np.nextafter(corners, -np.inf), np.nextafter(corners, np.inf)]
        self.corners = np.concatenate([corners, *beside]).clip(-LARGEST, LARGEST)
        self.x = np.unique(np.concatenate([grid, turns, self.corners]))
        self.value, self.slope = formula.evaluate(self.x, parameters)
        self.reasons = self.correct()
        self.poles = [x for x in self.divisions.tolist() if self.is_pole(x)]
        self.gaps = self.find_gaps()
        self.jumps = list(self.find_jumps())

    def conclude(self) -> Properties:
        proof = Proof(self.formula, self.parameters, self.x, self.value)
        nearest = self.seams[np.argsort(np.abs(self.seams), kind="stable")[:MAX_SEAMS]]
        return Properties(
            range=self.find_range(proof),
            monotonic=self.find_monotonic(proof),
            seams=tuple(np.sort(nearest).tolist()),
            warnings=tuple(self.warn()),
        )

    def correct(self) -> dict[float, str]:
        """Certify what is suspicious outside of the tails, where NumPy may have met an infinity on the way to a number.

        Return the reasons of points without a value.
        """
        enormous = ~(np.abs(self.value) < ENORMOUS) | ~(np.abs(self.slope) < ENORMOUS)
        suspects = others = np.flatnonzero(enormous & (np.abs(self.x) <= FAR))
        some = suspects[:: 1 + len(suspects) // MAX_SUSPECTS]
        suspects = np.union1d(some, suspects[np.isin(self.x[suspects], self.corners)])
        certified = self.certify(self.x[suspects])
        self.value[others], self.slope[others] = np.nan, np.nan
        self.value[suspects], self.slope[suspects] = certified.value, certified.derivative
        return {float(self.x[suspects[index]]): reason for index, reason in certified.reasons_value.items()}

    def find_gaps(self) -> list[Gap]:
        """Find the runs of points without a value, one of which flint has confirmed."""
        missing = np.isnan(self.value) & ~np.isin(self.x, self.poles)
        gaps = [Gap(float(self.x[first]), float(self.x[last])) for first, last in find_runs(missing)]
        confirmed = [x for x, reason in self.reasons.items() if reason != "undecided"]
        return [gap for gap in gaps if any(gap.first <= x <= gap.last for x in confirmed)]

    def is_pole(self, x: float) -> bool:
        """Whether the value grows towards x, from a distance of half as many digits on."""
        sides = (
            (abs(near), abs(self.evaluate(x + side * math.sqrt(math.ulp(x) * (abs(x) or 1)))))
            for side, near in zip((-1, 0, 1), self.around(x), strict=True)
        )
        grows = any(near > 1.5 * away + 1 for near, away in sides)
        return grows and (self.reasons.get(x) == "pole" or max(map(abs, self.around(x))) > POLE)

    def certify(self, x: Array) -> Certified:
        from activations.formula.balls import certify  # noqa: PLC0415  # flint takes longer to import than all of this

        return certify(self.formula, x, self.parameters)

    def evaluate(self, x: float) -> float:
        return float(self.formula.evaluate(x, self.parameters)[0])

    def around(self, x: float) -> list[float]:
        """The values just below a number of ``x``, at it and just above."""
        index = int(np.searchsorted(self.x, x))
        return [float(self.value[place]) for place in np.clip([index - 1, index, index + 1], 0, len(self.x) - 1)]

    def find_jumps(self) -> Iterator[Jump]:
        for x in self.seams.tolist():
            below, at, above = self.around(x)
            index = int(np.searchsorted(self.x, x))
            slope = min(maximum(np.abs(self.slope[max(index - 1, 0) : index + 2])), STEEPEST)
            rounding = JUMP * max(abs(below), abs(above)) + 4 * math.ulp(x) * slope + SMALLEST_JUMP
            if max(abs(at - below), abs(above - at)) > rounding:
                yield Jump(x, below, at, above)

    def find_range(self, proof: Proof) -> Range | None:
        falls, rises = self.find_unbounded()
        beside = [value for x in self.poles for value in self.around(x)]
        falls |= any(value < 0 for value in beside)
        rises |= any(value > 0 for value in beside)
        if falls and rises:
            return None, None
        if self.gaps or self.poles:  # a bound may be beside them
            return None
        return self.prove_range(proof, falls=falls, rises=rises)

    def prove_range(self, proof: Proof, *, falls: bool, rises: bool) -> Range | None:
        """Find the bounds that exist to the tolerance, or None where they are not proven."""
        least, most = minimum(self.value), maximum(self.value)

        def check(boxes: Boxes) -> Mask:
            nonlocal least, most
            least, most = min(least, minimum(boxes.at_middle)), max(most, maximum(boxes.at_middle))
            above = falls | (boxes.least >= least - TOLERANCE * max(abs(least), 1))
            below = rises | (boxes.most <= most + TOLERANCE * max(abs(most), 1))
            return np.asarray(above & below)

        if not proof.holds(check):
            return None
        return None if falls else least + 0.0, None if rises else most + 0.0

    def find_unbounded(self) -> tuple[bool, bool]:
        """Whether the value falls without bound, and whether it rises without bound."""
        near = self.value[np.abs(self.x) <= FAR]  # certified where it is infinite
        falls, rises = bool((near == -np.inf).any()), bool((near == np.inf).any())
        for side in SIDES:
            limit = self.find_limit(self.formula.value, side)
            ends = self.tails[side].value if math.isnan(limit) else np.array([])
            falls |= limit == -np.inf or bool((ends < -ENORMOUS).any())
            rises |= limit == np.inf or bool((ends > ENORMOUS).any())
        return falls, rises

    def find_limit(self, tree: Node, side: float) -> float:
        """Find the limit at an infinity, or nan where NumPy's arithmetic of infinities has none."""
        return float(run_over(Program.compile(tree), np.array(side * np.inf), self.parameters)[0])

    @functools.cached_property
    def tails(self) -> Mapping[float, Certified]:
        """Some certified values and slopes of both tails: NumPy's may be an overflow on the way."""
        return {side: self.certify(self.x[self.choose_ends(side)]) for side in SIDES}

    def choose_ends(self, side: float) -> Indices:
        """Choose the ends and the middle of a tail, and where value and slope are least and largest."""
        tail = np.flatnonzero(side * self.x > FAR)
        chosen = {0, len(tail) // 2, len(tail) - 1}
        for values in (self.value[tail], self.slope[tail]):
            chosen.add(int(np.argmin(np.where(np.isnan(values), np.inf, values))))
            chosen.add(int(np.argmax(np.where(np.isnan(values), -np.inf, values))))
        return tail[sorted(chosen)]

    def find_monotonic(self, proof: Proof) -> bool | None:
        if self.falls_somewhere():
            return False
        if self.gaps or self.poles or not proof.never_falls():
            return None
        return True

    def falls_somewhere(self) -> bool:
        """Whether the value certainly falls: at a jump, across a pole, or where it has the least slope."""
        return (
            any(jump.at < jump.before or jump.after < jump.at for jump in self.jumps)
            or any(self.around(x)[2] < self.around(x)[0] for x in self.poles)
            or self.has_negative_slope()
        )

    def has_negative_slope(self) -> bool:
        least = int(np.argmin(np.where(np.isnan(self.slope), np.inf, self.slope)))
        if not self.slope[least] < 0:
            return False
        return bool(self.certify(self.x[least]).derivative < 0)

    def warn(self) -> Iterator[str]:
        yield from shorten(f"Not defined {self.place(gap)}{self.blame(gap)}." for gap in self.gaps)
        yield from shorten(
            f"The value has a pole at x = {x:.6g}."
            for x in sorted(self.poles, key=lambda x: (float(f"{abs(x):.6g}"), x))
        )
        yield from shorten(
            f"The value jumps at x = {jump.x:.6g}, from {show(jump.before)} to {show(jump.after)}."
            for jump in self.jumps
        )
        yield from self.warn_of_slopes()
        if len(self.seams) > MAX_SEAMS:
            yield f"Its pieces meet at {len(self.seams)} places or more; drawings show the {MAX_SEAMS} nearest to 0."

    def place(self, gap: Gap) -> str:
        before = self.x[self.x < gap.first]
        after = self.x[self.x > gap.last]
        if gap.first == gap.last:
            return f"at x = {gap.first:.6g}"
        if len(before) and len(after):
            return f"between x = {before[-1]:.6g} and {after[0]:.6g}"
        if len(after):
            return f"for x < {after[0]:.6g}"
        return f"for x > {before[-1]:.6g}" if len(before) else "anywhere"

    def blame(self, gap: Gap) -> str:
        """Name the innermost part that is not defined there."""
        middle = self.x[(self.x >= gap.first) & (self.x <= gap.last)]
        x = middle[len(middle) // 2 :][:1]
        for node in postorder(self.formula.tree):
            if is_call(node, *PARTIAL):
                values = run_over(Program.compile(node, *children(node)), x, self.parameters)
                if np.isnan(values[0]).all() and not np.isnan(values[1:]).any():
                    return f", because of {write(node)}"
        return ""

    def warn_of_slopes(self) -> Iterator[str]:
        ends = [f"x to {name}infinity" for name, side in zip(("-", ""), SIDES, strict=True) if self.steepens(side)]
        if ends:
            yield f"The slope grows without bound for {' and for '.join(ends)}."
        yield from shorten(f"The slope has no bound near x = {x:.6g}." for x in self.divisions if self.is_steep(x))

    def is_steep(self, x: float) -> bool:
        index = int(np.searchsorted(self.x, x))
        return bool(np.isfinite(self.value[index]) and np.isnan(self.slope[index])) and x not in self.poles

    def steepens(self, side: float) -> bool:
        limit = self.find_limit(self.formula.derivative, side)
        if math.isnan(limit):
            return maximum(np.abs(self.tails[side].derivative)) > ENORMOUS
        return math.isinf(limit)


def show(value: float) -> str:
    """Write a limit: a value beside a zero, on the scale of the smallest float64, is 0."""
    return f"{0.0 if abs(value) < SMALL else value:.6g}"


def shorten(warnings: Iterable[str]) -> Iterator[str]:
    """Keep the first of many alike, and say how many more there are."""
    first, *more = [*warnings] or [""]
    if first:
        yield first if len(more) < MAX_ALIKE else f"{first} {len(more):,} more like this."
        yield from more if len(more) < MAX_ALIKE else ()


def minimum(values: Array) -> float:
    """Find the smallest of those that are numbers; infinity without any."""
    return float(np.fmin.reduce(values, initial=np.inf))


def maximum(values: Array) -> float:
    """Find the largest number, as ``minimum`` finds the smallest."""
    return float(np.fmax.reduce(values, initial=-np.inf))
