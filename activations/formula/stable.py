"""Forms without overflow or cancellation, in place of what is written naively.

A rule takes a node whose arguments are stable already and returns a better form, or None. Sums and products are looked
at as a whole, so that the order in which they are written does not matter.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

from activations.formula.algebra import Product, add, divide, multiply, power, subtract, terms
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
    is_call,
    make,
    names,
    negate,
    postorder,
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
        self.inner: set[Node] = set()
        self.rewrites = 0
        self.nested = 0

    def rewrite(self, root: Node) -> Node:
        self.inner |= inner_links(root)
        return fold(root, self.visit)

    def visit(self, node: Node, arguments: tuple[Node, ...]) -> Node:
        if not isinstance(node, Call):
            return node
        if node in self.inner:
            return join_sign(node.function, *arguments)
        if node not in self.known:
            self.known[node] = self.improve(join_sign(node.function, *arguments))
        return self.known[node]

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


def inner_links(root: Node) -> set[Node]:
    """The sums within sums and the products within products: only the whole is looked at."""
    return {
        child
        for node in postorder(root)
        for family in FAMILIES
        if is_call(node, *family)
        for child in node.arguments
        if is_call(child, *family)
    }


FAMILIES = (("+", "-"), ("*", "/"))


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
    return None


def pair_terms_late(node: Call) -> Node | None:
    return pair_terms(node, LATE_NEAR)


Key = tuple[frozenset[tuple[Node, int]], frozenset[tuple[Node, int]]]
PAIRED = ("softplus", *{function for function, _ in LATE_NEAR})


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
    if factor.function == "softplus" and exponent == 1:
        same = Product(common.build(), u)
        yield same, lambda ratio: times(common, call("softplus", negate(u)) if ratio == -1 else None)


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
    for base in [base for base in product.above if is_call(base, "sinh")]:
        partner = call("cosh", *base.arguments)
        if partner in product.below:
            product.remove(base)
            product.include(partner)
            product.cancel()
            product.include_power(call("tanh", *base.arguments), 1)
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
    product.below[total] -= 1
    if not product.below[total]:
        del product.below[total]
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


def divide_by_itself(product: Product) -> bool:
    """Write (a^2 - 1) / (a^2 + 1) as tanh(log(a)), and (q^2 + 2q) / (q^2 + 2q + 2) likewise for a = 1 + q."""
    for numerator in [base for base in product.above if is_call(base, "+", "-")]:
        for denominator in [base for base in product.below if is_call(base, "+", "-")]:
            if subtract(denominator, numerator) != TWO:
                continue
            a = base_of_square(add(numerator, ONE))
            if a is not None:
                product.remove(numerator)
                product.include(denominator)
                product.cancel()
                product.include_power(call("tanh", call("log", a)), 1)
                return True
    return False


def base_of_square(node: Node) -> Node | None:
    """The positive base of (1 + e^u)^2, as it is or multiplied out."""
    if is_call(node, "^") and node.arguments[1] == TWO and is_positive_sum(node.arguments[0]):
        return node.arguments[0]
    found = sorted(terms(node), key=lambda term: size(term[1]))
    for _, rest in found:
        if is_call(rest, "exp"):
            u = rest.arguments[0]
            if set(found) == {(1.0, ONE), (2.0, rest), (1.0, call("exp", scaled(2, u)))}:
                return add(ONE, rest)
    return None


def is_positive_sum(node: Node) -> bool:
    return all(
        coefficient > 0 and (rest == ONE or is_call(rest, "exp", "softplus", "sigmoid"))
        for coefficient, rest in terms(node)
    )


PRODUCT_RULES: tuple[Callable[[Product], bool], ...] = (
    merge_exponentials,
    divide_by_logistic,
    mirror_sigmoids,
    cancel_expm1,
    divide_hyperbolic,
    divide_by_itself,
    divide_by_growth,
    join_sigmoids,
)


def raise_exponential(node: Call) -> Node | None:
    """Write (e^u)^v as e^(u v)."""
    base, exponent = node.arguments
    if is_call(base, "exp"):
        return call("exp", multiply(exponent, base.arguments[0]))
    if base == Name("e"):
        return call("exp", exponent)
    if isinstance(exponent, Number) and exponent.value < 0:
        return divide(ONE, power(base, negate(exponent)))
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
        u, v = (exponent_of(rest) for _, rest in found)
        return add(call("max", u, v), call("softplus", negate(call("abs", subtract(u, v)))))
    parts = [Product(scaled(coefficient, rest)) for coefficient, rest in found]
    if len(parts) == 2 and (logistic_sum := logistic(*parts) or logistic(*reversed(parts))):
        common, u = logistic_sum
        if isinstance(common, Number):
            return add(call("log", common), call("softplus", u))
    if is_call(argument, "+"):
        return logarithm_of_asinh(*argument.arguments) or logarithm_of_asinh(*reversed(argument.arguments))
    return None


def logarithm_of_asinh(u: Node, root: Node) -> Node | None:
    """log(u + sqrt(1 + u^2))."""
    if root == call("hypot", ONE, u):
        return call("asinh", u)
    return None


def logarithm_of_product(product: Product) -> Node | None:
    """The logarithm of a positive number times exponentials and sigmoids, which may underflow or overflow."""
    if product.below or not product.above or not all(is_call(base, *LOGARITHMS) for base in product.above):
        return None
    numbers = Product()
    numbers.numbers, numbers.divisors = product.numbers, product.divisors
    factor = numbers.build()
    if not (isinstance(factor, Number) and factor.value > 0):
        return None
    logarithms = [
        scaled(exponent, LOGARITHMS[base.function](base.arguments[0]))
        for base, exponent in product.above.items()
        if isinstance(base, Call)
    ]
    return add(*logarithms) if factor == ONE else add(call("log", factor), *logarithms)


LOGARITHMS: Mapping[str, Callable[[Node], Node]] = {
    "exp": lambda u: u,
    "sigmoid": lambda u: negate(call("softplus", negate(u))),
}


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
    for (a, constant), (b, square) in (found, found[::-1]):
        if constant == ONE and a > 0 and b == 1 and is_call(square, "^") and square.arguments[1] == TWO:
            leg = Number(a) if a == 1 else call("sqrt", Number(a))
            return call("hypot", leg, square.arguments[0])
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
    "sqrt": (take_root,),
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
