"""Sums of which two terms may cancel or overflow."""

from collections.abc import Callable, Iterator, Mapping

from activations.formula.algebra import Product, add, divide, multiply, power, ratio_of, scaled, subtract, terms
from activations.formula.polynomials import exponential, polynomial
from activations.formula.tree import ONE, TWO, ZERO, Call, Name, Node, Number, call, is_call, negate

Near = Callable[[Node, float], Node | None]


# What F(u) + r is, for a function F and the number r that is beside it.
def near_exp(u: Node, beside: float) -> Node | None:
    return call("expm1", u) if beside == -1 else None


def near_expm1(u: Node, beside: float) -> Node | None:
    return call("exp", u) if beside == 1 else add(call("exp", u), Number(beside - 1))


def near_tanh(u: Node, beside: float) -> Node | None:
    """1 + tanh(u) = 2 sigmoid(2u)."""
    return scaled(2 * beside, call("sigmoid", scaled(2 * beside, u))) if abs(beside) == 1 else None


def near_erf(u: Node, beside: float) -> Node | None:
    return scaled(beside, call("erfc", scaled(-beside, u))) if abs(beside) == 1 else None


def near_erfc(u: Node, beside: float) -> Node | None:
    if beside == -2:
        return negate(call("erfc", negate(u)))
    return negate(call("erf", u)) if beside == -1 else None


def near_sigmoid(u: Node, beside: float) -> Node | None:
    if beside == -1:
        return negate(call("sigmoid", negate(u)))
    return scaled(0.5, call("tanh", scaled(0.5, u))) if beside == -0.5 else None


def near_normal(u: Node, beside: float) -> Node | None:
    if beside == -1:
        return negate(call("Phi", negate(u)))
    return scaled(0.5, call("erf", divide(u, call("sqrt", TWO)))) if beside == -0.5 else None


def near_cosh(u: Node, beside: float) -> Node | None:
    return scaled(2, power(call("sinh", scaled(0.5, u)), TWO)) if beside == -1 else None


def near_cos(u: Node, beside: float) -> Node | None:
    return scaled(-2, power(call("sin", scaled(0.5, u)), TWO)) if beside == -1 else None


def near_sqrt(u: Node, beside: float) -> Node | None:
    """sqrt(1 + v) - 1 = v / (sqrt(1 + v) + 1)."""
    if beside != -1 or (1.0, ONE) not in terms(u):
        return None
    return divide(subtract(u, ONE), add(call("sqrt", u), ONE))


def near_hypot(u: Node, beside: float) -> Node | None:
    """sqrt(1 + v^2) - 1 = v^2 / (sqrt(1 + v^2) + 1)."""
    if not (beside == -1 and is_call(u, "hypot") and u.arguments[0] == ONE):
        return None
    return divide(power(u.arguments[1], TWO), add(u, ONE))


def near_squared_tanh(u: Node, beside: float) -> Node | None:
    if beside != -1:
        return None
    return scaled(-4, call("*", call("sigmoid", scaled(2, u)), call("sigmoid", scaled(-2, u))))


def near_squared_sin(u: Node, beside: float) -> Node | None:
    return negate(power(call("cos", u), TWO)) if beside == -1 else None


def near_squared_cos(u: Node, beside: float) -> Node | None:
    return negate(power(call("sin", u), TWO)) if beside == -1 else None


def near_squared_sinh(u: Node, beside: float) -> Node | None:
    return power(call("cosh", u), TWO) if beside == 1 else None


def near_squared_cosh(u: Node, beside: float) -> Node | None:
    return power(call("sinh", u), TWO) if beside == -1 else None


NEAR: Mapping[tuple[str, int], Near] = {
    ("exp", 1): near_exp,
    ("expm1", 1): near_expm1,
    ("tanh", 1): near_tanh,
    ("erf", 1): near_erf,
    ("erfc", 1): near_erfc,
    ("sigmoid", 1): near_sigmoid,
    ("Phi", 1): near_normal,
    ("tanh", 2): near_squared_tanh,
    ("sin", 2): near_squared_sin,
    ("cos", 2): near_squared_cos,
    ("cosh", 2): near_squared_cosh,
    ("sinh", 2): near_squared_sinh,
}
# Their derivatives would be worse than those of what is written.
LATE_NEAR: Mapping[tuple[str, int], Near] = {
    **NEAR,
    ("cosh", 1): near_cosh,
    ("cos", 1): near_cos,
    ("sqrt", 1): near_sqrt,
    ("hypot", 1): near_hypot,
}


def pair_terms(node: Call, near: Mapping[tuple[str, int], Near] = NEAR) -> Node | None:
    """Replace two terms of a sum that may cancel: K F(u) + K r."""
    products = [Product(scaled(coefficient, rest)) for coefficient, rest in terms(node)]
    places = {key(product): index for index, product in enumerate(products)}
    for index, product in enumerate(products):
        for factor, exponent in product.above.items():
            if not is_call(factor, *PAIRED):
                continue
            for partner, replace in partners(product, factor, exponent, near):
                place = places.get(key(partner), index)
                better = replace(ratio_of(products[place], partner)) if place != index else None
                if better is not None:
                    rest = [p.build() for i, p in enumerate(products) if i not in {index, place}]
                    return add(better, *rest)
    return join_quotient(products) or (join_tail(products) if near is LATE_NEAR else None)


def join_tail(products: list[Product]) -> Node | None:
    """Write 1 + u / d over d, where d grows as abs(u): sqrt(k^2 + u^2) or 1 + abs(u)."""
    for index, product in enumerate(products):
        for total in [base for base, exponent in product.below.items() if exponent == 1]:
            for u in tails(total):
                rest = Product(product.build())
                rest.include(total)
                rest.cancel()
                scale = Product(rest.build())
                scale.include(u, -1)
                scale.cancel()
                places = [place for place, other in enumerate(products) if key(other) == key(scale) and place != index]
                if places and ratio_of(products[places[0]], scale) in {1.0, -1.0}:
                    scale_node = products[places[0]].build()
                    parts = [multiply(scale_node, Number(coefficient), part) for coefficient, part in terms(total)]
                    numerator = add(*parts, rest.build())
                    others = [p.build() for i, p in enumerate(products) if i not in {index, places[0]}]
                    return add(divide(numerator, total), *others)
    return None


def tails(total: Node) -> list[Node]:
    """The limit of the denominator far from 0, signed."""
    if is_call(total, "hypot"):
        return [total.arguments[1]]
    return [rest.arguments[0] for coefficient, rest in terms(total) if is_call(rest, "abs") and coefficient == 1]


def join_quotient(products: list[Product]) -> Node | None:
    """Write r - k / d over d, where r d - k has fewer terms than d: 1 - 2 / (a^2 + 1)."""
    for index, product in enumerate(products):
        total = next(iter(product.below), ZERO)
        denominator = polynomial(total)
        if product.above or product.below != {total: 1} or denominator is None:
            continue
        for place, other in enumerate(products):
            if place == index or other.above or other.below:
                continue
            scale = other.build()
            parts = [multiply(scale, Number(coefficient), exponential(u)) for u, coefficient in denominator.items()]
            numerator = add(*parts, multiply(product.build(), total))
            if len(terms(numerator)) < len(denominator):
                rest = [p.build() for i, p in enumerate(products) if i not in {index, place}]
                return add(divide(numerator, total), *rest)
    return None


def pair_terms_late(node: Call) -> Node | None:
    return pair_terms(node, LATE_NEAR)


Key = tuple[frozenset[tuple[Node, int]], frozenset[tuple[Node, int]]]
PAIRED = ("softplus", "abs", "atan", *{function for function, _ in LATE_NEAR})


def key(product: Product) -> Key:
    """The factors of a product beside its number."""
    return frozenset(product.above.items()), frozenset(product.below.items())


Partner = tuple[Product, Callable[[float | None], Node | None]]


def partners(product: Product, factor: Call, exponent: int, near: Mapping[tuple[str, int], Near]) -> Iterator[Partner]:
    """List the terms that may stand beside K F(u), each with the replacement of both where it is there r times."""
    common = Product(product.build())
    common.remove(factor, exponent)
    u = factor if factor.function == "hypot" else factor.arguments[0]
    rule = near.get((factor.function, exponent))
    if rule is not None:
        yield common, lambda ratio: times(common, None if ratio is None else rule(u, ratio))
    if factor.function == "exp" and exponent == 1:
        opposite = Product(common.build(), call("exp", negate(u)))
        yield opposite, lambda ratio: times(common, hyperbolic(u, ratio))
    if factor.function == "sigmoid":
        rest = Product(product.build())
        rest.remove(factor)
        mirrored = Product(rest.build(), call("sigmoid", negate(u)))
        yield mirrored, lambda ratio: times(rest, call("tanh", scaled(0.5, u)) if ratio == -1 else None)
    if factor.function == "softplus" and exponent == 1:
        same = Product(common.build(), u)
        yield same, lambda ratio: times(common, call("softplus", negate(u)) if ratio == -1 else None)
        opposite = Product(common.build(), call("softplus", negate(u)))
        yield opposite, lambda ratio: times(common, u if ratio == -1 else None)
    if near is LATE_NEAR and exponent == 1:
        yield from late_partners(common, factor)


def late_partners(common: Product, factor: Call) -> Iterator[Partner]:
    u = factor.arguments[-1]
    if factor.function == "hypot":
        same = Product(common.build(), u)
        yield same, lambda ratio: times(common, beside_hypot(factor, ratio))
    if factor.function == "abs":
        same = Product(common.build(), u)
        yield same, lambda ratio: times(common, beside_abs(u, ratio))
    if factor.function == "softplus":
        logarithm = Product(common.build(), call("log", TWO))
        yield logarithm, lambda ratio: times(common, shifted_softplus(u) if ratio == -1 else None)
    if factor.function == "atan":
        quarter = Product(multiply(common.build(), Name("pi")))
        yield quarter, lambda ratio: times(common, beside_atan(u, ratio))


def beside_hypot(hypot: Call, ratio: float | None) -> Node | None:
    """sqrt(k^2 + u^2) + u, which is k^2 / (sqrt(k^2 + u^2) - u)."""
    leg, other = hypot.arguments
    if ratio is None or abs(ratio) != 1:
        return None
    along = scaled(ratio, other)
    against = divide(power(leg, TWO), subtract(hypot, along))
    return call("where", call("<", along, Number(-0.6875)), against, add(hypot, along))


def beside_abs(u: Node, ratio: float | None) -> Node | None:
    """abs(u) + u."""
    return None if ratio is None or abs(ratio) != 1 else scaled(2, call("relu", scaled(ratio, u)))


def shifted_softplus(u: Node) -> Node:
    """softplus(u) - log(2), which is -log1p(tanh(-u/2)): near 0 nothing cancels there, and in the left tail neither."""
    half = scaled(-0.5, u)
    far = call("-", call("softplus", u), call("log", TWO))
    return call("where", call("<", u, Number(0.6875)), negate(call("log1p", call("tanh", half))), far)


def beside_atan(u: Node, ratio: float | None) -> Node | None:
    """atan(u) + pi/2, which is atan(-1/u) for u < 0."""
    if ratio is None or abs(ratio) != 0.5:
        return None
    side = scaled(2 * ratio, u)
    near = call("+", call("atan", side), divide(Name("pi"), TWO))
    far = call("atan", divide(Number(-1.0), side))
    return scaled(2 * ratio, call("where", call("<", side, Number(-0.6875)), far, near))


def times(common: Product, better: Node | None) -> Node | None:
    return None if better is None else multiply(common.build(), better)


def hyperbolic(u: Node, ratio: float | None) -> Node | None:
    """e^u + r e^-u."""
    function = {1.0: "cosh", -1.0: "sinh"}.get(ratio or 0.0)
    return scaled(2, call(function, u)) if function else None
