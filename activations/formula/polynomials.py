"""Sums of exponentials, multiplied out."""

from activations.formula.algebra import add
from activations.formula.tree import ONE, TWO, ZERO, Node, Number, call, is_call

Polynomial = dict[Node, float]
"""A sum of exponentials: from what is above e to the coefficient."""

MOST_TERMS = 12


def polynomial(node: Node) -> Polynomial | None:
    """Multiply a node out as a sum of exponentials, if it is one and a short one."""
    if isinstance(node, Number):
        return {ZERO: node.value}
    if is_call(node, "exp"):
        return {node.arguments[0]: 1.0}
    if is_call(node, "^") and node.arguments[1] == TWO:
        return product_of(polynomial(node.arguments[0]), polynomial(node.arguments[0]))
    if is_call(node, "+", "-", "*", "neg"):
        parts = [polynomial(argument) for argument in node.arguments]
        if node.function == "*":
            return product_of(*parts)
        return sum_of(parts, -1.0 if node.function in {"-", "neg"} else 1.0)
    return None


def product_of(left: Polynomial | None, right: Polynomial | None) -> Polynomial | None:
    if left is None or right is None or len(left) * len(right) > MOST_TERMS:
        return None
    found: Polynomial = {}
    for u, a in left.items():
        for v, b in right.items():
            exponent = add(u, v)
            found[exponent] = found.get(exponent, 0.0) + a * b
    return found


def sum_of(parts: list[Polynomial | None], last: float) -> Polynomial | None:
    """Add up, the last part times a sign."""
    found: Polynomial = {}
    for index, part in enumerate(parts, start=1):
        if part is None:
            return None
        for exponent, coefficient in part.items():
            found[exponent] = found.get(exponent, 0.0) + coefficient * (last if index == len(parts) else 1.0)
    return found if len(found) <= MOST_TERMS else None


def exponential(exponent: Node) -> Node:
    return ONE if exponent == ZERO else call("exp", exponent)
