"""Numbers over all of float64 at which a formula is sampled, and those at which parts of it change their sign."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from activations.formula.formula import run_over
from activations.formula.program import Program
from activations.formula.tree import ONE, Node, Number, call, children, is_call, postorder
from activations.functions import Array

LARGEST = float(np.finfo(np.float64).max)
NEAR = 16.0  # up to it the grid is even
MANY = 64
Ordered = NDArray[np.int64]


def make_grid(tree: Node, parameters: Mapping[str, float]) -> Array:
    """Make a grid: even near 0, geometric down to the smallest float64 and up to the largest, the formula's numbers."""
    even = np.arange(0, NEAR, 1 / 16)
    growing = np.concatenate([np.geomspace(NEAR, 1024, 37), 2.0 ** np.arange(14, 1024, 4), [LARGEST]])
    shrinking = 2.0 ** np.arange(-1074, -4, 8)
    written = [abs(node.value) for node in postorder(tree) if isinstance(node, Number)]
    positive = np.concatenate([even, growing, shrinking, written, np.abs([*parameters.values()])])
    return np.unique(np.concatenate([-positive, positive])) + 0.0


def find_switches(tree: Node) -> Iterator[Node]:
    """Find the differences at whose zeros one piece of the formula gives way to another."""
    for node in postorder(tree):
        if is_call(node, "where"):
            yield call("-", *children(node.arguments[0]))
        elif is_call(node, "max", "min"):
            yield call("-", *node.arguments)
        elif is_call(node, "relu", "abs"):
            yield node.arguments[0]
        elif is_call(node, "clip"):
            yield from (call("-", node.arguments[0], end) for end in node.arguments[1:])


def find_divisors(tree: Node) -> Iterator[Node]:
    """Find what a formula divides by, and the arguments at whose zeros a domain ends."""
    for node in postorder(tree):
        if is_call(node, "/"):
            yield node.arguments[1]
        elif is_call(node, "log", "sqrt") or (is_call(node, "^") and not is_whole(node.arguments[1])):
            yield node.arguments[0]
        elif is_call(node, "log1p"):
            yield call("+", node.arguments[0], ONE)


def is_whole(node: Node) -> bool:
    return isinstance(node, Number) and node.value >= 0 and node.value.is_integer()


def find_crossings(
    nodes: Sequence[Node],
    grid: Array,
    parameters: Mapping[str, float],
    *,
    touching: bool = False,
    steps: int = 64,
) -> Array:
    """Find the zeros of trees at which their sign changes: the float64 itself, or that below it.

    With ``touching``, also those at which it does not change. Of more than 64 between two numbers of the grid, those in
    its even part: the rest would be a matter of chance.
    """
    if not nodes:
        return np.empty(0)
    program = Program.compile(*nodes)
    found: list[float] = []
    brackets: list[tuple[int, int]] = []
    for row, values in enumerate(run_over(program, grid, parameters)):
        signs = np.sign(values)
        found += find_zeros(grid, signs, touching=touching)
        brackets += [(row, int(left)) for left in np.flatnonzero(signs[:-1] * signs[1:] < 0)]
    if len(brackets) > MANY:
        brackets = [(row, left) for row, left in brackets if abs(grid[left]) < NEAR]
    found += narrow(program, grid, parameters, brackets, steps)
    return np.unique(np.array(found)) + 0.0


def find_zeros(grid: Array, signs: Array, *, touching: bool) -> list[float]:
    """Of each run of zeros within the grid, the one nearest to 0: its neighbours may have underflowed."""
    zeros = []
    for first, last in find_runs(signs == 0):
        inside = first > 0 and last < len(grid) - 1
        if inside and (signs[first - 1] * signs[last + 1] < 0 or (touching and signs[first - 1] == signs[last + 1])):
            zeros.append(float(min(grid[first : last + 1], key=abs)))
    return zeros


def find_runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The first and the last index of each run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(first), int(after) - 1) for first, after in zip(edges[::2], edges[1::2], strict=True)]


def narrow(
    program: Program, grid: Array, parameters: Mapping[str, float], brackets: Sequence[tuple[int, int]], steps: int
) -> list[float]:
    """Halve all brackets together, in the order of float64 itself, until they are adjacent or ``steps`` are done."""
    if not brackets:
        return []
    rows, left = (np.array(column) for column in zip(*brackets, strict=True))
    low, high = order(grid[left]), order(grid[left + 1])
    columns = np.arange(len(brackets))

    def find_signs(x: Array) -> Array:
        values: Array = np.array(run_over(program, x, parameters))[rows, columns]
        return np.sign(values)

    sign = find_signs(grid[left])
    for _ in range(steps):
        if (high - low <= 1).all():
            break
        middle = low + (high - low) // 2
        same = find_signs(unorder(middle)) == sign
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    at_zero = find_signs(unorder(high)) == 0
    return [float(x) for x in np.where(at_zero, unorder(high), unorder(low))]


def order(x: Array) -> Ordered:
    """Number float64 from 0 on in their order, the negative ones below 0."""
    bits = (x + 0.0).view(np.int64)
    return np.where(bits >= 0, bits, np.iinfo(np.int64).min - bits)


def unorder(ordered: Ordered) -> Array:
    return np.where(ordered >= 0, ordered, np.iinfo(np.int64).min - ordered).view(np.float64)
