"""Derivatives by the rules of the table."""

from collections.abc import Mapping

from activations.formula.algebra import simplify
from activations.formula.language import InvalidFormula
from activations.formula.table import FUNCTIONS
from activations.formula.tree import (
    ONE,
    ZERO,
    Call,
    Name,
    Node,
    inner_links,
    is_call,
    negate,
    postorder,
    size,
)

MAX_DERIVATIVE_NODES = 4_000


def differentiate(node: Node, name: str) -> Node:
    """Differentiate by ``x`` or a parameter, simplified.

    Raises:
        InvalidFormula: the derivative is too long to be worked with.
    """
    inner = inner_links(node, "+", "-") | inner_links(node, "*")
    found: dict[Node, Pair] = {}
    for part in postorder(node):
        if part not in inner:
            found[part] = differentiate_part(part, name, found)
    return found[node][1]


Pair = tuple[Node, Node]
"""A simplified node and its derivative."""


def differentiate_part(part: Node, name: str, found: Mapping[Node, Pair]) -> Pair:
    if not isinstance(part, Call):
        return part, ONE if part == Name(name) else ZERO
    if part.function in {"+", "-"}:
        function, pairs = "+", [signed(sign, found[leaf]) for sign, leaf in summands(part)]
    else:
        arguments = factors(part) if part.function == "*" else part.arguments
        function, pairs = part.function, [found[argument] for argument in arguments]
    simplified, slopes = tuple(node for node, _ in pairs), tuple(slope for _, slope in pairs)
    derivative = FUNCTIONS[function].derivative(simplified, slopes)
    if size(derivative) > MAX_DERIVATIVE_NODES:
        raise InvalidFormula(
            f"the derivative by {name} of this formula has more than {MAX_DERIVATIVE_NODES:,} numbers, names and "
            "operators: write a shorter formula"
        )
    return simplify(function, simplified), derivative


def summands(node: Node) -> list[tuple[int, Node]]:
    """The terms of a sum, each with its sign."""
    found = []
    waiting = [(1, node)]
    while waiting:
        sign, part = waiting.pop()
        if is_call(part, "+", "-"):
            waiting.append((sign if part.function == "+" else -sign, part.arguments[1]))
            waiting.append((sign, part.arguments[0]))
        else:
            found.append((sign, part))
    return found


def factors(node: Node) -> tuple[Node, ...]:
    found = []
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if is_call(part, "*"):
            waiting += reversed(part.arguments)
        else:
            found.append(part)
    return tuple(found)


def signed(sign: int, pair: Pair) -> Pair:
    return pair if sign > 0 else (negate(pair[0]), negate(pair[1]))
