"""Trees of formulas in the forms that torch computes fast: with numbers for names, and without branches.

torch.where and torch.pow work element by element on a CPU, and torch.tanh takes three times as long as torch.expm1.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from activations.formula.table import FUNCTIONS
from activations.formula.tree import ONE, TWO, ZERO, Call, Name, Node, Number, call, fold

KEEP = "keep"
"""A function of lowered trees alone: keep(c, u) is u where c = 1, and 0 where c = 0, whatever u is there."""
TANH_IS_ONE = 30.0
"""From here on, in float64 too."""


def bind(root: Node, numbers: Mapping[str, float]) -> Node:
    """Replace names by their numbers, and compute in float64 what has no name left."""

    def visit(node: Node, arguments: tuple[Node, ...]) -> Node:
        if isinstance(node, Name) and node.name in numbers:
            return Number(float(numbers[node.name]))
        if not isinstance(node, Call):
            return node
        if node.function == "where" and isinstance(arguments[0], Number):
            return arguments[1] if arguments[0].value else arguments[2]
        return compute(node.function, arguments)

    return fold(root, visit)


def compute(function: str, arguments: tuple[Node, ...]) -> Node:
    """Call a function; of numbers it is a number, and a comparison of them 1 or 0."""
    values = [np.float64(argument.value) for argument in arguments if isinstance(argument, Number)]
    if len(values) < len(arguments):
        return Call(function, arguments)
    with np.errstate(all="ignore"):
        return Number(float(FUNCTIONS[function].value(*values)))


def lower(root: Node) -> Node:
    """Rewrite a bound tree for torch. A comparison's value is 1 or 0, as that of other functions a float."""

    def visit(node: Node, arguments: tuple[Node, ...]) -> Node:
        if not isinstance(node, Call):
            return node
        rule = RULES.get(node.function)
        return Call(node.function, arguments) if rule is None else rule(*arguments)

    return fold(root, visit)


def lower_where(condition: Node, then: Node, otherwise: Node) -> Node:
    kept = [keep(condition, then), keep(call("-", ONE, condition), otherwise)]
    first, *rest = [part for part in kept if part != ZERO] or [ZERO]
    return call("+", first, *rest) if rest else first


def keep(condition: Node, node: Node) -> Node:
    if not isinstance(node, Number) or not math.isfinite(node.value):
        return call(KEEP, condition, node)
    if node in {ZERO, ONE}:
        return ZERO if node == ZERO else condition
    return call("*", node, condition)


def lower_power(base: Node, exponent: Node) -> Node:
    if base == Number(math.e):
        return call("exp", exponent)
    if not isinstance(exponent, Number):
        return call("^", base, exponent)
    if exponent.value == 1 / 2:
        return call("sqrt", base)
    if not exponent.value.is_integer():
        return call("^", base, exponent)
    product = multiply_out(base, abs(int(exponent.value)))
    return product if exponent.value >= 0 else call("/", ONE, product)


def multiply_out(base: Node, exponent: int) -> Node:
    """Multiply by squares: x^6 is (x^2)^2 x^2."""
    if exponent == 0:
        return ONE
    if exponent == 1:
        return base
    half = multiply_out(base, exponent // 2)
    square = call("*", half, half)
    return call("*", square, base) if exponent % 2 else square


def lower_tanh(u: Node) -> Node:
    """Compute e / (e + 2) with e = exp(2u) - 1, which keeps its relative precision near 0."""
    grown = call("expm1", call("*", TWO, call("min", u, Number(TANH_IS_ONE))))
    return call("/", grown, call("+", grown, TWO))


def lower_softplus(u: Node) -> Node:
    return call("+", call("max", u, ZERO), call("log1p", call("exp", call("neg", call("abs", u)))))


def lower_normal(u: Node) -> Node:
    """Compute it by erfc: torch's ndtr takes five times as long, and float32 loses its tail from -5 on."""
    return call("*", Number(0.5), call("erfc", call("*", Number(-math.sqrt(0.5)), u)))


def lower_clip(u: Node, low: Node, high: Node) -> Node:
    return call("min", call("max", u, low), high)


def lower_relu(u: Node) -> Node:
    return call("max", u, ZERO)


RULES: Mapping[str, Callable[..., Node]] = {
    "where": lower_where,
    "^": lower_power,
    "tanh": lower_tanh,
    "softplus": lower_softplus,
    "clip": lower_clip,
    "relu": lower_relu,
    "Phi": lower_normal,
}
