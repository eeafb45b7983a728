"""Sums, products and powers of trees, simplified as they are made.

Numbers are folded where float64 holds the result exactly, so that a formula keeps its meaning to the last digit.
"""

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeGuard

from activations.formula.tree import ONE, ZERO, Call, Name, Node, Number, call, is_call, negate

MINUS_ONE = Number(-1.0)
EXACT_INTEGER = 2.0**53


def exact_sum(a: float, b: float) -> float | None:
    total = a + b
    if abs(total) <= EXACT_INTEGER and a.is_integer() and b.is_integer():
        return total
    if abs(total) == float("inf"):
        return None
    return total if Fraction(a) + Fraction(b) == Fraction(total) else None


def exact_product(a: float, b: float) -> float | None:
    product = a * b
    if abs(product) <= EXACT_INTEGER and a.is_integer() and b.is_integer():
        return product
    if abs(product) == float("inf"):
        return None
    return product if Fraction(a) * Fraction(b) == Fraction(product) else None


def exact_quotient(a: float, b: float) -> float | None:
    if b == 0 or abs(a / b) == float("inf"):
        return None
    return a / b if Fraction(a) / Fraction(b) == Fraction(a / b) else None


def exact_power(base: float, exponent: float) -> float | None:
    """A whole power of a whole number, where float64 holds it exactly."""
    if not (base.is_integer() and exponent.is_integer() and 0 < exponent <= 64 and abs(base) <= EXACT_INTEGER):
        return None
    result = int(base) ** int(exponent)
    return float(result) if abs(result) <= EXACT_INTEGER else None


class Product:
    """A product as numbers and powers of other factors with whole exponents, above and below the line."""

    def __init__(self, *factors: Node) -> None:
        self.numbers: list[float] = []
        self.divisors: list[float] = []
        self.above: dict[Node, int] = {}
        self.below: dict[Node, int] = {}
        for factor in factors:
            self.include(factor)

    def include(self, node: Node, exponent: int = 1) -> None:
        waiting = [(node, exponent)]
        while waiting:
            factor, power = waiting.pop()
            if isinstance(factor, Number):
                (self.numbers if power > 0 else self.divisors).extend([factor.value] * abs(power))
            elif is_call(factor, "neg"):
                self.numbers.append(-1.0 if power % 2 else 1.0)
                waiting.append((factor.arguments[0], power))
            elif is_call(factor, "*"):
                waiting += [(factor.arguments[1], power), (factor.arguments[0], power)]
            elif is_call(factor, "/"):
                waiting += [(factor.arguments[1], -power), (factor.arguments[0], power)]
            elif whole_power(factor)[1] != 1 and is_call(whole_power(factor)[0], "*", "neg"):
                base, whole = whole_power(factor)
                waiting.append((base, power * whole))
            else:
                base, whole = whole_power(factor)
                self.include_power(base, power * whole)

    def include_power(self, base: Node, exponent: int) -> None:
        side = self.above if exponent > 0 else self.below
        side[base] = side.get(base, 0) + abs(exponent)

    def remove(self, base: Node, exponent: int = 1) -> None:
        """Divide by a factor that is above the line."""
        self.above[base] -= exponent
        if not self.above[base]:
            del self.above[base]

    def cancel(self) -> None:
        """Cancel what is above and below; where it is 0 the quotient was undefined."""
        for base in [base for base in self.above if base in self.below]:
            exponent = self.above.pop(base) - self.below.pop(base)
            if exponent:
                self.include_power(base, exponent)

    def build(self) -> Node:
        numbers, divisors = fold_numbers(self.numbers, self.divisors)
        if 0.0 in numbers and 0.0 not in divisors:
            return ZERO
        negative = sum(value < 0 for value in (*numbers, *divisors)) % 2 == 1
        node = chain([*constants(numbers), *powers(self.above)])
        below = [*constants(divisors), *powers(self.below)]
        if below:
            node = call("/", node, chain(below))
        return negate(node) if negative else node


def constants(values: list[float]) -> list[Node]:
    return [Number(abs(value)) for value in values if abs(value) != 1]


def powers(factors: dict[Node, int]) -> list[Node]:
    return [base if exponent == 1 else call("^", base, Number(float(exponent))) for base, exponent in factors.items()]


def join_signs(product: Product) -> None:
    """Write u times the slope of abs(u) as abs(u), and abs(u) times it as u."""
    for sign in [base for base in product.above if is_sign(base)]:
        u = sign.arguments[0].arguments[0]
        size = call("abs", u)
        factors = Product(u)
        if size in product.above:
            product.remove(sign)
            product.remove(size)
            product.include(u)
        elif not factors.below and all(product.above.get(base, 0) >= power for base, power in factors.above.items()):
            product.remove(sign)
            for base, power in factors.above.items():
                product.remove(base, power)
            product.include(size)
            product.divisors += factors.numbers
            product.numbers += factors.divisors


def is_sign(node: Node) -> TypeGuard[Any]:
    """Tell whether this is the slope of abs(u), ``where(u > 0, 1, -1)``."""
    return is_call(node, "where") and node.arguments[1:] == (ONE, MINUS_ONE) and is_positive(node.arguments[0])


def is_positive(condition: Node) -> bool:
    return is_call(condition, ">") and condition.arguments[1] == ZERO


def whole_power(node: Node) -> tuple[Node, int]:
    if is_call(node, "^"):
        base, exponent = node.arguments
        if isinstance(exponent, Number) and exponent.value.is_integer():
            return base, int(exponent.value)
    return node, 1


def chain(factors: list[Node]) -> Node:
    node = factors[0] if factors else ONE
    for factor in factors[1:]:
        node = call("*", node, factor)
    return node


def fold_numbers(numbers: list[float], divisors: list[float]) -> tuple[list[float], list[float]]:
    """Fold factors into one as far as float64 is exact; the rest stays."""
    above = fold_exactly(numbers)
    below = fold_exactly(divisors)
    for index, divisor in enumerate(below):
        for position, factor in enumerate(above or [1.0]):
            quotient = exact_quotient(factor, divisor)
            inverse = exact_quotient(divisor, factor)
            if quotient is not None and (quotient.is_integer() or not divisor.is_integer()):
                return [*above[:position], quotient, *above[position + 1 :]], [*below[:index], *below[index + 1 :]]
            if inverse is not None and above:
                return [*above[:position], *above[position + 1 :]], [*below[:index], inverse, *below[index + 1 :]]
    return above, below


def fold_exactly(values: list[float]) -> list[float]:
    folded: list[float] = []
    for value in values:
        for index, known in enumerate(folded):
            product = exact_product(known, value)
            if product is not None:
                folded[index] = product
                break
        else:
            folded.append(value)
    return [value for value in folded if value != 1]


def multiply(*factors: Node) -> Node:
    return simplified(Product(*factors))


def divide(numerator: Node, denominator: Node) -> Node:
    product = Product(numerator)
    product.include(denominator, -1)
    return simplified(product)


def simplified(product: Product) -> Node:
    product.cancel()
    join_signs(product)
    return product.build()


def scaled(factor: float, node: Node) -> Node:
    return multiply(Number(float(factor)), node)


def ratio_of(product: Product, other: Product) -> float | None:
    """The quotient of the numbers of two products, where float64 holds it."""
    above, below = [*product.numbers, *other.divisors], [*product.divisors, *other.numbers]
    if 0 in below:
        return None
    ratio = math.prod(map(Fraction, above)) / math.prod(map(Fraction, below))
    return float(ratio) if Fraction(float(ratio)) == ratio else None


def terms(node: Node) -> list[tuple[float, Node]]:
    """The terms of a sum, each with its coefficient; a number has ONE as its other factor."""
    found: list[tuple[float, Node]] = []
    waiting = [(1.0, node)]
    while waiting:
        sign, term = waiting.pop()
        if is_call(term, "+"):
            waiting += [(sign, term.arguments[1]), (sign, term.arguments[0])]
        elif is_call(term, "-"):
            waiting += [(-sign, term.arguments[1]), (sign, term.arguments[0])]
        elif is_call(term, "neg"):
            waiting.append((-sign, term.arguments[0]))
        else:
            coefficient, rest = split_coefficient(term)
            found.append((sign * coefficient, rest))
    return found


@functools.lru_cache(maxsize=4096)
def split_coefficient(term: Node) -> tuple[float, Node]:
    """The number in front of a product, and the rest of it."""
    if isinstance(term, Number):
        return term.value, ONE
    links: list[Call] = []
    first: Node = term
    while isinstance(first, Call) and first.function in {"*", "/"}:
        links.append(first)
        first = first.arguments[0]
    if not isinstance(first, Number) or not links:
        return 1.0, term
    innermost = links.pop()
    rest = innermost.arguments[1] if innermost.function == "*" else call("/", ONE, innermost.arguments[1])
    for link in reversed(links):
        rest = call(link.function, rest, link.arguments[1])
    return first.value, rest


@functools.lru_cache(maxsize=4096)
def with_coefficient(coefficient: float, node: Node) -> Node:
    if node == ONE:
        return Number(coefficient)
    return multiply(Number(coefficient), node)


def add(*summands: Node) -> Node:
    collected: dict[object, tuple[Node, list[float]]] = {}
    for summand in summands:
        for coefficient, rest in terms(summand):
            _, coefficients = collected.setdefault(unordered(rest), (rest, []))
            collect(coefficients, coefficient)
    return build_sum([(coefficient, rest) for rest, parts in collected.values() for coefficient in parts])


@functools.lru_cache(maxsize=4096)
def unordered(node: Node) -> object:
    """The same for two products that differ in the order of their factors alone."""
    if not is_call(node, "*", "/"):
        return node
    product = Product(node)
    numbers = tuple(sorted(product.numbers)), tuple(sorted(product.divisors))
    return numbers, frozenset(product.above.items()), frozenset(product.below.items())


def subtract(left: Node, right: Node) -> Node:
    return add(left, negate(right))


def collect(coefficients: list[float], coefficient: float) -> None:
    """Add to one of the coefficients of a term where float64 holds the sum, else beside them."""
    for index, known in enumerate(coefficients):
        total = exact_sum(known, coefficient)
        if total is not None:
            coefficients[index] = total
            return
    coefficients.append(coefficient)


def build_sum(collected: list[tuple[float, Node]]) -> Node:
    """Add the terms up, one that is not negative first if there is one."""
    present = [(coefficient, rest) for coefficient, rest in collected if coefficient != 0]
    if not present:
        return ZERO
    leader = next((index for index, (coefficient, _) in enumerate(present) if coefficient > 0), 0)
    present.insert(0, present.pop(leader))
    node = with_coefficient(*present[0])
    for coefficient, rest in present[1:]:
        node = call("+" if coefficient > 0 else "-", node, with_coefficient(abs(coefficient), rest))
    return node


def power(base: Node, exponent: Node) -> Node:
    if exponent == ZERO:
        return ONE
    if exponent == ONE:
        return base
    if is_call(base, "neg") and isinstance(exponent, Number) and exponent.value % 2 == 0:
        return power(base.arguments[0], exponent)
    if (
        isinstance(base, Number)
        and isinstance(exponent, Number)
        and (folded := exact_power(base.value, exponent.value))
    ):
        return Number(folded)
    if isinstance(exponent, Number) and is_call(base, "^"):
        inner = base.arguments[1]
        if isinstance(inner, Number) and inner.value.is_integer() and exponent.value.is_integer():
            return call("^", base.arguments[0], Number(inner.value * exponent.value))
    return call("^", base, exponent)


def where(condition: Node, then: Node, otherwise: Node) -> Node:
    return then if then == otherwise else call("where", condition, then, otherwise)


def minimum(a: Node, b: Node) -> Node:
    return extreme("min", a, b)


def maximum(a: Node, b: Node) -> Node:
    return extreme("max", a, b)


def extreme(function: str, a: Node, b: Node) -> Node:
    if a == b:
        return a
    if isinstance(a, Number) and isinstance(b, Number):
        return Number((min if function == "min" else max)(a.value, b.value))
    return call(function, a, b)


MAKERS: dict[str, Callable[..., Node]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "^": power,
    "neg": negate,
    "where": where,
    "min": minimum,
    "max": maximum,
}
KNOWN_VALUES: dict[Call, Node] = {call("exp", ZERO): ONE, call("log", ONE): ZERO, call("log", Name("e")): ONE}


def simplify(function: str, arguments: tuple[Node, ...]) -> Node:
    """Make a call of simplified arguments."""
    if function in MAKERS:
        return MAKERS[function](*arguments)
    node = call(function, *arguments)
    return KNOWN_VALUES.get(node, node)
