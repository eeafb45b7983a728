"""Forms without overflow or cancellation, in place of what is written naively.

A rule takes a node whose arguments are stable already and returns a better form, or None. Sums and products are looked
at as a whole, so that the order in which they are written does not matter.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

from activations.formula.algebra import Product, add, divide, exact_quotient, multiply, power, subtract, terms
from activations.formula.tree import (
    COMPARISONS,
    ONE,
    TWO,
    ZERO,
    Call,
    Name,
    Node,
    Number,
    X,
    call,
    children,
    fold,
    inner_links,
    is_call,
    make,
    names,
    negate,
    size,
)

MAX_REWRITES = 200  # of one tree: far more than any formula needs, and an end whatever the rules do
MAX_NESTED = 20
Rule = Callable[[Call], Node | None]
Near = Callable[[Node, float], Node | None]


def stabilize(node: Node) -> Node:
    """Return an equal tree for programs: in stable forms, and with products that underflow guarded."""
    return guard(Rewriter(LATE_RULES).rewrite(rewrite(node)))


def rewrite(node: Node) -> Node:
    """Return an equal tree in those stable forms that have stable derivatives."""
    return Rewriter(RULES).rewrite(node)


class Rewriter:
    """Applies rules from the leaves up, until none applies."""

    def __init__(self, rules: Mapping[str, tuple[Rule, ...]]) -> None:
        self.rules = rules
        self.known: dict[Node, Node] = {}
        self.inner: set[Call] = set()
        self.rewrites = 0
        self.nested = 0

    def rewrite(self, root: Node) -> Node:
        self.inner |= inner_links(root, "+", "-") | inner_links(root, "*", "/")
        return fold(root, self.visit)

    def visit(self, node: Node, arguments: tuple[Node, ...]) -> Node:
        if not isinstance(node, Call):
            return node
        if node in self.inner:
            return join_sign(node.function, *arguments)
        if node not in self.known:
            self.known[node] = self.improve_unsigned(join_sign(node.function, *arguments))
        return self.known[node]

    def improve_unsigned(self, node: Node) -> Node:
        return negate(self.improve(node.arguments[0])) if is_call(node, "neg") else self.improve(node)

    def improve(self, node: Node) -> Node:
        if not isinstance(node, Call) or self.rewrites == MAX_REWRITES or self.nested == MAX_NESTED:
            return node
        for rule in self.rules.get(node.function, ()):
            better = rule(node)
            if better is not None and better != node:
                return self.follow(better)
        return node

    def follow(self, better: Node) -> Node:
        """Rewrite what a rule has made."""
        self.rewrites += 1
        self.nested += 1
        best = self.rewrite(better)
        self.nested -= 1
        return best


def join_sign(function: str, *arguments: Node) -> Node:
    """Make a call, and pull out the sign that a rule left in its last argument."""
    *first, last = arguments
    if is_call(last, "neg") and function in {"+", "-"}:
        return call("-" if function == "+" else "+", *first, last.arguments[0])
    if is_call(last, "neg") and function in {"*", "/"}:
        return negate(make(function, *first, last.arguments[0]))
    return make(function, *arguments)


def scaled(factor: float, node: Node) -> Node:
    return multiply(Number(float(factor)), node)


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
    """What the denominator tends to far from 0, as signed."""
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


def exponential(exponent: Node) -> Node:
    return ONE if exponent == ZERO else call("exp", exponent)


def pair_terms_late(node: Call) -> Node | None:
    return pair_terms(node, LATE_NEAR)


Key = tuple[frozenset[tuple[Node, int]], frozenset[tuple[Node, int]]]
PAIRED = ("softplus", "abs", "atan", *{function for function, _ in LATE_NEAR})


def key(product: Product) -> Key:
    """What a product has beside its number."""
    return frozenset(product.above.items()), frozenset(product.below.items())


Partner = tuple[Product, Callable[[float | None], Node | None]]


def partners(product: Product, factor: Call, exponent: int, near: Mapping[tuple[str, int], Near]) -> Iterator[Partner]:
    """What may stand beside K F(u), and how both are replaced where that is there r times."""
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


def ratio_of(product: Product, other: Product) -> float | None:
    """The quotient of the numbers of two products, where float64 holds it."""
    above, below = [*product.numbers, *other.divisors], [*product.divisors, *other.numbers]
    if 0 in below:
        return None
    ratio = math.prod(map(Fraction, above)) / math.prod(map(Fraction, below))
    return float(ratio) if Fraction(float(ratio)) == ratio else None


def merge_product(node: Call) -> Node | None:
    """Improve a product, factor by factor, as long as a rule finds any."""
    product = Product(node)
    improved = False
    for rule in PRODUCT_RULES:
        while rule(product):
            improved = True
    return product.build() if improved else None


def merge_exponentials(product: Product) -> bool:
    """Multiply exponentials by adding what is above: e^u / e^v would be inf / inf."""
    above = [(base, exponent) for base, exponent in product.above.items() if is_call(base, "exp")]
    below = [(base, exponent) for base, exponent in product.below.items() if is_call(base, "exp")]
    if not below and (len(above) + sum(exponent > 1 for _, exponent in above)) < 2:
        return False
    total = add(
        *(scaled(exponent, exponent_of(base)) for base, exponent in above),
        *(scaled(-exponent, exponent_of(base)) for base, exponent in below),
    )
    for base, _ in above:
        del product.above[base]
    for base, _ in below:
        del product.below[base]
    include_exponential(product, total)
    return True


def exponent_of(node: Node) -> Node:
    """What is above e, or the argument of another function of one."""
    return children(node)[0]


def include_exponential(product: Product, exponent: Node) -> None:
    if exponent != ZERO:
        product.include_power(call("exp", exponent), 1)


def divide_by_logistic(product: Product) -> bool:
    """Write 1 / (k + k e^u) as sigmoid(-u) / k."""
    for base, exponent in list(product.below.items()):
        if not is_call(base, "+", "-"):
            continue
        parts = [Product(scaled(coefficient, rest)) for coefficient, rest in terms(base)]
        if len(parts) == 2 and (found := logistic(*parts) or logistic(*reversed(parts))):
            common, u = found
            del product.below[base]
            product.include_power(call("sigmoid", negate(u)), exponent)
            product.include(common, -exponent)
            return True
    return False


def logistic(constant: Product, exponential: Product) -> tuple[Node, Node] | None:
    """The k and u of k + k e^u."""
    for base, exponent in exponential.above.items():
        if is_call(base, "exp") and exponent == 1:
            rest = Product(exponential.build())
            rest.remove(base)
            if (rest.above, rest.below) == (constant.above, constant.below) and ratio_of(rest, constant) == 1:
                return constant.build(), base.arguments[0]
    return None


def mirror_sigmoids(product: Product) -> bool:
    """Write e^-u sigmoid(u) as sigmoid(-u)."""
    for exponential in [base for base in product.above if is_call(base, "exp")]:
        for gate in [base for base in product.above if is_call(base, "sigmoid")]:
            w, u = exponent_of(exponential), exponent_of(gate)
            rest = add(w, u)
            if rest == ZERO or size(rest) < size(w):
                product.remove(exponential)
                product.remove(gate)
                include_exponential(product, rest)
                product.include_power(call("sigmoid", negate(u)), 1)
                return True
    return False


def cancel_expm1(product: Product) -> bool:
    """Write (e^u - 1) / (e^u + 1) as tanh(u / 2)."""
    for numerator in [base for base in product.above if is_call(base, "expm1")]:
        u = exponent_of(numerator)
        for sign in (-1.0, 1.0):
            gate = call("sigmoid", scaled(sign, u))
            if gate in product.above:
                product.remove(numerator)
                product.remove(gate)
                product.include_power(call("tanh", scaled(0.5, u)), 1)
                if sign > 0:
                    product.include_power(call("exp", u), 1)
                return True
    return False


def divide_hyperbolic(product: Product) -> bool:
    """Write sinh(u) / cosh(u) as tanh(u), and e^u / cosh(u) as 2 sigmoid(2u)."""
    for cosh in [base for base in product.below if is_call(base, "cosh")]:
        (u,) = cosh.arguments
        if call("sinh", u) in product.above:
            product.remove(call("sinh", u))
            product.include_power(call("tanh", u), 1)
            divide_out(product, cosh)
            return True
        for exponential in [base for base in product.above if is_call(base, "exp")]:
            w = exponent_of(exponential)
            for side in (u, negate(u)):
                rest = subtract(w, side)
                if rest == ZERO or size(rest) < size(w):
                    product.remove(exponential)
                    include_exponential(product, rest)
                    product.include(scaled(2, call("sigmoid", scaled(2, side))))
                    divide_out(product, cosh)
                    return True
    return False


def divide_out(product: Product, base: Node) -> None:
    """Multiply by a factor that is below the line."""
    product.below[base] -= 1
    if not product.below[base]:
        del product.below[base]


def divide_expm1(product: Product) -> bool:
    """Write e^u / (e^u - 1) as -1 / (e^-u - 1)."""
    for below in [base for base in product.below if is_call(base, "expm1")]:
        u = exponent_of(below)
        for exponential in [base for base in product.above if is_call(base, "exp")]:
            rest = subtract(exponent_of(exponential), u)
            if rest == ZERO or size(rest) < size(exponent_of(exponential)):
                product.remove(exponential)
                include_exponential(product, rest)
                divide_out(product, below)
                product.include_power(call("expm1", negate(u)), -1)
                product.numbers.append(-1.0)
                return True
    return False


def divide_by_growth(product: Product) -> bool:
    """Write e^u / (c + k e^u) as 1 / (c e^-u + k): the one is inf / inf, the other is not."""
    for exponential in [base for base in product.above if is_call(base, "exp")]:
        w = exponent_of(exponential)
        for total in [base for base in product.below if is_call(base, "+", "-")]:
            for u in exponents(total):
                rest = subtract(w, u)
                if rest == ZERO or size(rest) < size(w):
                    product.remove(exponential)
                    include_exponential(product, rest)
                    shrink(product, total, u)
                    return True
    return False


def exponents(total: Node) -> list[Node]:
    """What is above e in the terms of a sum."""
    found = []
    for _, rest in terms(total):
        found += [scaled(exponent, exponent_of(base)) for base, exponent in exponential_powers(rest)]
    return found


def exponential_powers(term: Node) -> list[tuple[Node, int]]:
    return [(base, exponent) for base, exponent in Product(term).above.items() if is_call(base, "exp")]


def shrink(product: Product, total: Node, u: Node) -> None:
    """Divide one factor below the line by e^u, term by term."""
    decay = call("exp", negate(u))
    divided = []
    for coefficient, rest in terms(total):
        term = Product(scaled(coefficient, rest), decay)
        merge_exponentials(term)
        divided.append(term.build())
    divide_out(product, total)
    product.include(add(*divided), -1)


def join_sigmoids(product: Product) -> bool:
    """Write e^w sigmoid(u) as e^(w - softplus(-u)), where e^w may overflow while the sigmoid underflows."""
    gates = [(base, exponent) for base, exponent in product.above.items() if is_call(base, "sigmoid")]
    for exponential in [base for base in product.above if is_call(base, "exp")]:
        w = exponent_of(exponential)
        if gates and not is_negative(w):
            product.remove(exponential)
            for base, exponent in gates:
                del product.above[base]
                w = subtract(w, scaled(exponent, call("softplus", negate(exponent_of(base)))))
            include_exponential(product, w)
            return True
    return False


def is_negative(node: Node) -> bool:
    """Tell whether this is -u^2 or the like, whose exponential cannot overflow."""
    product = Product(node)
    odd = [base for base, exponent in (*product.above.items(), *product.below.items()) if exponent % 2]
    constant = all(isinstance(base, Name) and base.name in {"pi", "e"} for base in odd)
    return constant and sum(value < 0 for value in (*product.numbers, *product.divisors)) % 2 == 1


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


def divide_by_itself(product: Product) -> bool:
    """Write (a^2 - 1) / (a^2 + 1) as tanh(log(a)), for a = 1 + e^u, however it is multiplied out."""
    for total in [base for base in product.below if is_call(base, "+", "-")]:
        denominator = polynomial(total)
        if denominator is None or len(denominator) != 3 or denominator.get(ZERO) != 2:
            continue
        u = min((exponent for exponent in denominator if exponent != ZERO), key=size)
        if denominator != {ZERO: 2.0, u: 2.0, scaled(2, u): 1.0}:
            continue
        above = [(base, exponent) for base, exponent in product.above.items() if is_call(base, "exp", "+", "-")]
        numerator = polynomial(multiply(*(power(base, Number(float(exponent))) for base, exponent in above)))
        if numerator is not None and {**numerator, ZERO: numerator.get(ZERO, 0.0) + 2} == denominator:
            for base, exponent in above:
                product.remove(base, exponent)
            product.include(total)
            product.cancel()
            product.include_power(call("tanh", call("softplus", u)), 1)
            return True
    return False


def cancel_positive(product: Product) -> bool:
    """Cancel what is never 0."""
    both = [base for base in product.above if base in product.below and is_call(base, *POSITIVE)]
    for base in both:
        exponent = product.above.pop(base) - product.below.pop(base)
        if exponent:
            product.include_power(base, exponent)
    return bool(both)


POSITIVE = ("exp", "cosh", "sigmoid", "softplus", "hypot")


PRODUCT_RULES: tuple[Callable[[Product], bool], ...] = (
    cancel_positive,
    merge_exponentials,
    divide_by_logistic,
    mirror_sigmoids,
    cancel_expm1,
    divide_hyperbolic,
    divide_expm1,
    divide_by_itself,
    divide_by_growth,
    join_sigmoids,
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
        return call("logaddexp", *(exponent_of(rest) for _, rest in found))
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


RULES: Mapping[str, tuple[Rule, ...]] = {
    "+": (pair_terms,),
    "-": (pair_terms,),
    "*": (merge_product,),
    "/": (merge_product,),
    "^": (raise_exponential,),
    "log": (take_logarithm,),
    "log1p": (take_log1p,),
    "sqrt": (take_root, root_of_logistic),
    "exp": (exponential_of_logarithm,),
    "expm1": (expand_expm1,),
    **dict.fromkeys(("tanh", "sinh", "asinh", "atan", "sin", "erf"), (pull_sign,)),
    **dict.fromkeys(("cosh", "cos", "abs"), (drop_sign,)),
}
LATE_RULES: Mapping[str, tuple[Rule, ...]] = {
    **RULES,
    "+": (pair_terms_late,),
    "-": (pair_terms_late,),
    "log": (take_logarithm, logarithm_of_expm1, logarithm_of_cosh),
}


VANISHING = ("exp", "sigmoid", "erfc", "Phi")
BOUNDED = (*VANISHING[1:], "tanh", "sin", "cos", "atan", "erf", *COMPARISONS)


def guard(node: Node) -> Node:
    """Let a product be 0 where a factor underflows to 0, whatever overflows beside it: 0 times inf would be nan."""

    def visit(part: Node, below: tuple[tuple[Node, Node], ...]) -> tuple[Node, Node]:
        """The node inside a product, where only the whole is guarded, and elsewhere."""
        if not isinstance(part, Call):
            return part, part
        inside = part.function in {"*", "/", "neg"}
        node = make(part.function, *(pair[0 if inside else 1] for pair in below))
        return node, guarded(node) if inside else node

    return fold(node, visit)[1]


def guarded(node: Node) -> Node:
    product = Product(node)
    vanishing = [(base, exponent) for base, exponent in product.above.items() if is_call(base, *VANISHING)]
    growing = [base for base, _ in product.above.items() if not is_call(base, *VANISHING)]
    if not vanishing or not any(may_overflow(base, product.above[base]) for base in growing):
        return node
    gate = Product()
    for base, exponent in vanishing:
        del product.above[base]
        gate.include_power(base, exponent)
    factor = gate.build()
    return call("where", call("<=", factor, ZERO), ZERO, call("*", product.build(), factor))


def may_overflow(base: Node, exponent: int) -> bool:
    """Tell whether a factor may overflow at a finite x; a name alone cannot."""
    if X.name not in names(base):
        return False
    steps = is_call(base, "where") and all(isinstance(branch, Number) for branch in base.arguments[1:])
    return exponent > 1 or not (isinstance(base, Name) or is_call(base, *BOUNDED) or steps)
