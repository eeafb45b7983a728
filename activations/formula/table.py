"""The functions and operators of formulas, one entry for each.

A new function of one argument is one entry here: value, rule of the derivative, LaTeX, torch's function and the ball's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from activations import functions
from activations.formula.algebra import add, divide, maximum, minimum, multiply, power, subtract, terms, where
from activations.formula.tree import ONE, TWO, ZERO, Name, Node, Number, call, is_call, negate, postorder, size

Slopes = tuple[Node, ...]
Rule = Callable[[tuple[Node, ...], Slopes], Node]

PI = Name("pi")
HALF = Number(0.5)
MOST_EXPANDED = 16  # terms of a product of two sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of the language, or an operator.

    ``value`` is over NumPy arrays. ``derivative`` takes the arguments and their derivatives, and returns the call's:
    trees all of them. ``latex`` has a place ``{0}``, ``{1}`` for each argument. ``torch`` is the dotted name of torch's
    function below ``torch``. ``ball`` is the name of a method of Arb's real balls (``flint.arb``), or "" where
    ``balls`` has its own.
    """

    arity: int
    value: Callable[..., Any]  # arrays, or Python's numbers where a formula has no x
    derivative: Rule
    latex: str
    torch: str
    ball: str = ""


def chain(*partials: Callable[..., Node]) -> Rule:
    """The chain rule, from the derivative by each argument."""

    def rule(arguments: tuple[Node, ...], slopes: Slopes) -> Node:
        products = [
            multiply(slope, partial(*arguments))
            for partial, slope in zip(partials, slopes, strict=True)
            if slope != ZERO
        ]
        return add(*products) if products else ZERO

    return rule


def slope_of_sum(_: tuple[Node, ...], slopes: Slopes) -> Node:
    return add(*slopes)


def slope_of_difference(_: tuple[Node, ...], slopes: Slopes) -> Node:
    return subtract(*slopes)


def slope_of_negative(_: tuple[Node, ...], slopes: Slopes) -> Node:
    return negate(slopes[0])


def slope_of_product(arguments: tuple[Node, ...], slopes: Slopes) -> Node:
    products = [
        multiply(*arguments[:place], slope, *arguments[place + 1 :])
        for place, slope in enumerate(slopes)
        if slope != ZERO
    ]
    return add(*products)


def slope_of_quotient(arguments: tuple[Node, ...], slopes: Slopes) -> Node:
    """A difference of two quotients, or one quotient where that is shorter because terms above cancel."""
    (u, v), (du, dv) = arguments, slopes
    if dv == ZERO:
        return divide(du, v)
    apart = subtract(divide(du, v), divide(multiply(u, dv), power(v, TWO)))
    if du == ZERO or len(terms(u)) * len(terms(v)) > MOST_EXPANDED or grows(u) or grows(v):
        return apart
    together = over_common_denominator(u, v, du, dv)
    return together if size(together) < size(apart) else apart


def grows(node: Node) -> bool:
    """Tell whether an exponential is in it: two of them multiplied overflow long before their quotient does."""
    return any(is_call(part, "exp", "expm1", "cosh", "sinh") for part in postorder(node))


def over_common_denominator(u: Node, v: Node, du: Node, dv: Node) -> Node:
    """Divide, for v = w^n with n a half or one: (w u' - n u w') / (w v)."""
    w, n = root(v)
    inner_slope = multiply(TWO, v, dv) if n == HALF else dv
    numerator = add(*expand(du, w), *map(negate, expand(multiply(n, u), inner_slope)))
    return divide(numerator, multiply(w, v))


def root(node: Node) -> tuple[Node, Node]:
    """The base and exponent of a square root, else the node itself and 1."""
    if is_call(node, "sqrt"):
        return node.arguments[0], HALF
    if is_call(node, "hypot"):
        return add(*map(squared, node.arguments)), HALF
    return node, ONE


def expand(factor: Node, total: Node) -> list[Node]:
    """The terms of the product of two sums."""
    return [multiply(Number(a), left, Number(b), right) for a, left in terms(factor) for b, right in terms(total)]


def slope_of_power(arguments: tuple[Node, ...], slopes: Slopes) -> Node:
    (u, v), (du, dv) = arguments, slopes
    by_base = ZERO if du == ZERO else multiply(v, power(u, subtract(v, ONE)), du)
    if dv == ZERO:
        return by_base
    logarithm = ONE if u == Name("e") else call("log", u)
    return add(by_base, multiply(dv, call("^", u, v), logarithm))


def slope_of_where(arguments: tuple[Node, ...], slopes: Slopes) -> Node:
    return where(arguments[0], slopes[1], slopes[2])


def slope_of_relu(arguments: tuple[Node, ...], slopes: Slopes) -> Node:
    return where(call(">", arguments[0], ZERO), slopes[0], ZERO)


def slope_of_abs(arguments: tuple[Node, ...], slopes: Slopes) -> Node:
    return multiply(slopes[0], where(call(">", arguments[0], ZERO), ONE, Number(-1.0)))


def slope_of_max(arguments: tuple[Node, ...], slopes: Slopes) -> Node:
    return slope_of_extreme(arguments, slopes, ">", minimum(*slopes))


def slope_of_min(arguments: tuple[Node, ...], slopes: Slopes) -> Node:
    return slope_of_extreme(arguments, slopes, "<", maximum(*slopes))


def slope_of_extreme(arguments: tuple[Node, ...], slopes: Slopes, wins: str, tie: Node) -> Node:
    """The winner's slope, and at a tie the slope from the left."""
    (a, b), (da, db) = arguments, slopes
    if tie == da:
        return where(call(wins, b, a), db, da)
    return where(call(wins, a, b), da, where(call(wins, b, a), db, tie))


def slope_of_clip(arguments: tuple[Node, ...], slopes: Slopes) -> Node:
    """0 at both bounds, as torch's hardtanh; a bound's own slope outside of it."""
    (u, low, high), (du, dlow, dhigh) = arguments, slopes
    above_low = where(call(">", u, low), du, dlow)
    if dlow != ZERO or dhigh != ZERO:  # where the bounds cross, high counts
        above_low = where(call("<", low, high), above_low, dhigh)
    return where(call("<", u, high), above_low, dhigh)


def no_slope(_: tuple[Node, ...], _slopes: Slopes) -> Node:
    return ZERO


def squared(u: Node) -> Node:
    return power(u, TWO)


def inverse(u: Node) -> Node:
    return divide(ONE, u)


def slope_of_erf(u: Node) -> Node:
    return divide(multiply(TWO, call("exp", negate(squared(u)))), call("sqrt", PI))


def normal_density(u: Node) -> Node:
    return divide(call("exp", negate(divide(squared(u), TWO))), call("sqrt", multiply(TWO, PI)))


def erf(x: functions.Array) -> functions.Array:
    from scipy import special  # noqa: PLC0415  # a fifth of the time that the API needs to start

    return special.erf(x)


def erfc(x: functions.Array) -> functions.Array:
    from scipy import special  # noqa: PLC0415  # as above

    return special.erfc(x)


def normal_distribution(x: functions.Array) -> functions.Array:
    """Phi; as in ``functions.gelu``, with a tail that keeps its relative precision."""
    return functions.mirrored(x, functions.normal_tail(functions.distance(x)))


def of_one(
    value: Callable[..., Any], slope: Callable[..., Node], *, latex: str, torch: str, ball: str = ""
) -> Function:
    """A smooth function of one argument, from its derivative by it."""
    return Function(arity=1, value=value, derivative=chain(slope), latex=latex, torch=torch, ball=ball)


def comparison(value: Callable[..., Any], latex: str, torch: str) -> Function:
    return Function(arity=2, value=value, derivative=no_slope, latex=latex, torch=torch)


OPERATORS: dict[str, Function] = {
    "+": Function(arity=2, value=np.add, derivative=slope_of_sum, latex="{0} + {1}", torch="add"),
    "-": Function(arity=2, value=np.subtract, derivative=slope_of_difference, latex="{0} - {1}", torch="sub"),
    "*": Function(arity=2, value=np.multiply, derivative=slope_of_product, latex=r"{0} {1}", torch="mul"),
    "/": Function(arity=2, value=np.divide, derivative=slope_of_quotient, latex=r"\frac{{{0}}}{{{1}}}", torch="div"),
    "^": Function(arity=2, value=np.power, derivative=slope_of_power, latex="{{{0}}}^{{{1}}}", torch="pow"),
    "neg": Function(arity=1, value=np.negative, derivative=slope_of_negative, latex="-{0}", torch="neg"),
    "<": comparison(np.less, "{0} < {1}", "lt"),
    "<=": comparison(np.less_equal, r"{0} \le {1}", "le"),
    ">": comparison(np.greater, "{0} > {1}", "gt"),
    ">=": comparison(np.greater_equal, r"{0} \ge {1}", "ge"),
}


def named(name: str) -> str:
    return rf"\operatorname{{{{{name}}}}}\left({{0}}\right)"


def backslashed(name: str) -> str:
    return rf"\{name}\left({{0}}\right)"


NAMED: dict[str, Function] = {
    "exp": of_one(np.exp, lambda u: call("exp", u), latex="e^{{{0}}}", torch="exp", ball="exp"),
    "expm1": of_one(
        np.expm1, lambda u: call("exp", u), latex=r"\left(e^{{{0}}} - 1\right)", torch="expm1", ball="expm1"
    ),
    "log": of_one(np.log, inverse, latex=backslashed("ln"), torch="log", ball="log"),
    "log1p": of_one(
        np.log1p, lambda u: inverse(add(ONE, u)), latex=r"\ln\left(1 + {0}\right)", torch="log1p", ball="log1p"
    ),
    "sqrt": of_one(
        np.sqrt,
        lambda u: inverse(multiply(TWO, call("sqrt", u))),
        latex=r"\sqrt{{{0}}}",
        torch="sqrt",
        ball="sqrt",
    ),
    "abs": Function(arity=1, value=np.abs, derivative=slope_of_abs, latex=r"\left|{0}\right|", torch="abs"),
    "sin": of_one(np.sin, lambda u: call("cos", u), latex=backslashed("sin"), torch="sin", ball="sin"),
    "cos": of_one(np.cos, lambda u: negate(call("sin", u)), latex=backslashed("cos"), torch="cos", ball="cos"),
    "tanh": of_one(
        np.tanh,
        lambda u: subtract(ONE, squared(call("tanh", u))),
        latex=backslashed("tanh"),
        torch="tanh",
        ball="tanh",
    ),
    "sinh": of_one(np.sinh, lambda u: call("cosh", u), latex=backslashed("sinh"), torch="sinh", ball="sinh"),
    "cosh": of_one(np.cosh, lambda u: call("sinh", u), latex=backslashed("cosh"), torch="cosh", ball="cosh"),
    "asinh": of_one(
        np.arcsinh,
        lambda u: inverse(call("sqrt", add(ONE, squared(u)))),
        latex=named("arsinh"),
        torch="asinh",
        ball="asinh",
    ),
    "atan": of_one(
        np.arctan, lambda u: inverse(add(ONE, squared(u))), latex=backslashed("arctan"), torch="atan", ball="atan"
    ),
    "erf": of_one(erf, slope_of_erf, latex=named("erf"), torch="special.erf", ball="erf"),
    "erfc": of_one(erfc, lambda u: negate(slope_of_erf(u)), latex=named("erfc"), torch="special.erfc", ball="erfc"),
    "sigmoid": of_one(
        functions.sigmoid,
        lambda u: multiply(call("sigmoid", u), subtract(ONE, call("sigmoid", u))),
        latex=backslashed("sigma"),
        torch="sigmoid",
    ),
    "softplus": of_one(
        functions.softplus, lambda u: call("sigmoid", u), latex=named("softplus"), torch="nn.functional.softplus"
    ),
    "relu": Function(
        arity=1,
        value=lambda u: np.maximum(u, 0.0),
        derivative=slope_of_relu,
        latex=named("relu"),
        torch="relu",
    ),
    "min": Function(
        arity=2,
        value=np.minimum,
        derivative=slope_of_min,
        latex=r"\min\left({0}, {1}\right)",
        torch="minimum",
    ),
    "max": Function(
        arity=2,
        value=np.maximum,
        derivative=slope_of_max,
        latex=r"\max\left({0}, {1}\right)",
        torch="maximum",
    ),
    "clip": Function(
        arity=3,
        value=lambda u, low, high: np.minimum(np.maximum(u, low), high),
        derivative=slope_of_clip,
        latex=r"\operatorname{{clip}}\left({0}, {1}, {2}\right)",
        torch="clamp",
    ),
    "Phi": of_one(normal_distribution, normal_density, latex=backslashed("Phi"), torch="special.ndtr"),
    "where": Function(
        arity=3,
        value=np.where,
        derivative=slope_of_where,
        latex=r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
        torch="where",
    ),
}

# What stable forms need and formulas may not name.
INTERNAL: dict[str, Function] = {
    "hypot": Function(
        arity=2,
        value=np.hypot,
        derivative=chain(lambda u, v: divide(u, call("hypot", u, v)), lambda u, v: divide(v, call("hypot", u, v))),
        latex=r"\sqrt{{{{{0}}}^2 + {{{1}}}^2}}",
        torch="hypot",
    ),
    "logaddexp": Function(
        arity=2,
        value=np.logaddexp,
        derivative=chain(lambda u, v: call("sigmoid", subtract(u, v)), lambda u, v: call("sigmoid", subtract(v, u))),
        latex=r"\ln\left(e^{{{0}}} + e^{{{1}}}\right)",
        torch="logaddexp",
    ),
}

FUNCTIONS: Mapping[str, Function] = OPERATORS | NAMED | INTERNAL
CONSTANTS: Mapping[str, float] = {"pi": float(np.pi), "e": float(np.e)}
