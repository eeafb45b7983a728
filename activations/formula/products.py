"""Products and quotients of which two factors may overflow, or underflow, before the whole does."""

from collections.abc import Callable

from activations.formula.algebra import Product, add, multiply, power, ratio_of, scaled, subtract, terms
from activations.formula.polynomials import polynomial
from activations.formula.tree import ZERO, Call, Name, Node, Number, argument_of, call, is_call, negate, size


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
        *(scaled(exponent, argument_of(base)) for base, exponent in above),
        *(scaled(-exponent, argument_of(base)) for base, exponent in below),
    )
    for base, _ in above:
        del product.above[base]
    for base, _ in below:
        del product.below[base]
    include_exponential(product, total)
    return True


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
            w, u = argument_of(exponential), argument_of(gate)
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
        u = argument_of(numerator)
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
            w = argument_of(exponential)
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
        u = argument_of(below)
        for exponential in [base for base in product.above if is_call(base, "exp")]:
            rest = subtract(argument_of(exponential), u)
            if rest == ZERO or size(rest) < size(argument_of(exponential)):
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
        w = argument_of(exponential)
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
    """List the exponents of e in the terms of a sum."""
    found = []
    for _, rest in terms(total):
        found += [scaled(exponent, argument_of(base)) for base, exponent in exponential_powers(rest)]
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
        w = argument_of(exponential)
        if gates and not is_negative(w):
            product.remove(exponential)
            for base, exponent in gates:
                del product.above[base]
                w = subtract(w, scaled(exponent, call("softplus", negate(argument_of(base)))))
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
