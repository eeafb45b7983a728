"""Powers, roots, logarithms and exponentials of what may overflow, and the signs of arguments."""

import math

from activations.formula.algebra import Product, add, divide, exact_quotient, multiply, power, scaled, subtract, terms
from activations.formula.products import logistic
from activations.formula.tree import (
    ONE,
    TWO,
    ZERO,
    Call,
    Name,
    Node,
    Number,
    X,
    argument_of,
    call,
    is_call,
    names,
    negate,
)


def raise_exponential(node: Call) -> Node | None:
    """Write (e^u)^v as e^(u v), 2^x likewise, and (1 + e^u)^v as e^(v softplus(u)) where v is no whole number."""
    base, exponent = node.arguments
    if is_call(base, "exp"):
        return call("exp", multiply(exponent, base.arguments[0]))
    if base == Name("e"):
        return call("exp", exponent)
    if isinstance(base, Number) and base.value > 0 and X.name in names(exponent):
        return call("exp", multiply(exponent, call("log", base)))
    if isinstance(exponent, Number) and exponent.value.is_integer():
        return divide(ONE, power(base, negate(exponent))) if exponent.value < 0 else None
    return raise_logistic(base, exponent)


def raise_logistic(base: Node, exponent: Node) -> Node | None:
    logarithm = logarithm_of_logistic(base)
    return None if logarithm is None or X.name in names(exponent) else call("exp", multiply(exponent, logarithm))


def root_of_logistic(node: Call) -> Node | None:
    return raise_logistic(node.arguments[0], Number(0.5))


def logarithm_of_logistic(node: Node) -> Node | None:
    """The logarithm of 1 + e^u or sigmoid(u)."""
    if is_call(node, "sigmoid"):
        return negate(call("softplus", negate(node.arguments[0])))
    if is_call(node, "exp"):
        return node.arguments[0]
    found = terms(node)
    if len(found) == 2 and (1.0, ONE) in found:
        (rest,) = [rest for coefficient, rest in found if rest != ONE and coefficient == 1] or [ONE]
        return call("softplus", *rest.arguments) if is_call(rest, "exp") else None
    return None


def take_logarithm(node: Call) -> Node | None:
    argument = node.arguments[0]
    found = terms(argument)
    if len(found) > 1:
        return logarithm_of_sum(argument, found)
    return logarithm_of_product(Product(argument))


def logarithm_of_sum(argument: Node, found: list[tuple[float, Node]]) -> Node | None:
    if (1.0, ONE) in found:
        return call("log1p", subtract(argument, ONE))
    if all(is_call(rest, "exp") and coefficient == 1 for coefficient, rest in found) and len(found) == 2:
        return call("logaddexp", *(argument_of(rest) for _, rest in found))
    parts = [Product(scaled(coefficient, rest)) for coefficient, rest in found]
    if len(parts) == 2 and (logistic_sum := logistic(*parts) or logistic(*reversed(parts))):
        common, u = logistic_sum
        logarithm = constant_logarithm(common)
        return None if logarithm is None else add(logarithm, call("softplus", u))
    if is_call(argument, "+"):
        return logarithm_of_asinh(*argument.arguments) or logarithm_of_asinh(*reversed(argument.arguments))
    return None


def logarithm_of_asinh(u: Node, root: Node) -> Node | None:
    """log(u + sqrt(1 + u^2))."""
    if root == call("hypot", ONE, u):
        return call("asinh", u)
    return None


def logarithm_of_product(product: Product) -> Node | None:
    """The logarithm of a positive number times exponentials, sigmoids and 1 + e^u, which underflow or overflow."""
    if product.below or not product.above:
        return None
    logarithms = [logarithm_of_logistic(base) for base in product.above]
    numbers = Product()
    numbers.numbers, numbers.divisors = product.numbers, product.divisors
    factor = constant_logarithm(numbers.build())
    if factor is None or None in logarithms:
        return None
    powers = zip(product.above.values(), logarithms, strict=True)
    return add(factor, *(scaled(exponent, part) for exponent, part in powers if part is not None))


def constant_logarithm(node: Node) -> Node | None:
    """The logarithm of a positive number; of 1/k it is -log(k)."""
    if isinstance(node, Number) and node.value > 0:
        below = exact_quotient(1.0, node.value)
        if below is not None and node.value < 1:
            return negate(call("log", Number(below)))
        return ZERO if node == ONE else call("log", node)
    if is_call(node, "/") and all(isinstance(part, Number) and part.value > 0 for part in node.arguments):
        above, below_line = (constant_logarithm(part) for part in node.arguments)
        return None if above is None or below_line is None else subtract(above, below_line)
    return None


def logarithm_of_expm1(node: Call) -> Node | None:
    """log(1 - e^u), for u < 0: near 0 from expm1, further away from log1p."""
    argument = node.arguments[0]
    if not (is_call(argument, "neg") and is_call(argument.arguments[0], "expm1")):
        return None
    u = argument.arguments[0].arguments[0]
    return call("where", call("<", u, Number(-0.6875)), call("log1p", negate(call("exp", u))), node)


def logarithm_of_cosh(node: Call) -> Node | None:
    """log(k cosh(u)): near 0 as log1p(2 sinh^2(u / 2)), further away without overflow."""
    product = Product(node.arguments[0])
    found = [base for base in product.above if is_call(base, "cosh")]
    if product.below or len(product.above) != 1 or not found or product.above[found[0]] != 1:
        return None
    u = found[0].arguments[0]
    product.remove(found[0])
    factor = product.build()
    near = call("log1p", scaled(2, power(call("sinh", scaled(0.5, u)), TWO)))
    distance = call("abs", u)
    far = add(distance, call("softplus", scaled(-2, distance)))
    if factor == TWO:
        return far
    logarithm = call("where", call("<", distance, ONE), near, subtract(far, call("log", TWO)))
    return logarithm if factor == ONE else add(call("log", factor), logarithm)


def take_log1p(node: Call) -> Node | None:
    argument = node.arguments[0]
    if is_call(argument, "exp"):
        return call("softplus", argument.arguments[0])
    if is_call(argument, "expm1"):
        return argument.arguments[0]
    if is_call(argument, "neg") and is_call(argument.arguments[0], "sigmoid"):
        return negate(call("softplus", *argument.arguments[0].arguments))
    return None


def take_root(node: Call) -> Node | None:
    """Write sqrt(k + u^2) as a hypotenuse, whose square does not overflow."""
    found = terms(node.arguments[0])
    if len(found) != 2:
        return None
    legs = [leg_of(coefficient, rest) for coefficient, rest in found]
    if any(leg is None for leg in legs):
        return None
    return call("hypot", *sorted((leg for leg in legs if leg is not None), key=lambda leg: X.name in names(leg)))


def leg_of(coefficient: float, rest: Node) -> Node | None:
    """The positive square root of a term that is a square or a positive number."""
    factor = ONE if coefficient == 1 else call("sqrt", Number(coefficient))
    if coefficient <= 0:
        return None
    if rest == ONE:
        return Number(math.sqrt(coefficient)) if math.sqrt(coefficient).is_integer() else factor
    if is_call(rest, "^") and rest.arguments[1] == TWO:
        return multiply(factor, rest.arguments[0])
    return None


def exponential_of_logarithm(node: Call) -> Node | None:
    """Write e^softplus(u) as 1 + e^u."""
    argument = node.arguments[0]
    if is_call(argument, "softplus"):
        return add(ONE, call("exp", *argument.arguments))
    return None


def expand_expm1(node: Call) -> Node | None:
    argument = node.arguments[0]
    if is_call(argument, "softplus"):
        return call("exp", *argument.arguments)
    return None


def pull_sign(node: Call) -> Node | None:
    """Write tanh(-u) as -tanh(u)."""
    return negate(call(node.function, negate(node.arguments[0]))) if is_negated(node.arguments[0]) else None


def drop_sign(node: Call) -> Node | None:
    return call(node.function, negate(node.arguments[0])) if is_negated(node.arguments[0]) else None


def is_negated(node: Node) -> bool:
    return is_call(node, "neg") or terms(node)[0][0] < 0
