"""Forms without overflow or cancellation, in place of what is written naively.

A rule takes a node whose arguments are stable already and returns a better form, or None. Sums and products are looked
at as a whole, so that the order in which they are written does not matter.
"""

from collections.abc import Callable, Mapping

from activations.formula.algebra import Product
from activations.formula.powers import (
    drop_sign,
    expand_expm1,
    exponential_of_logarithm,
    logarithm_of_cosh,
    logarithm_of_expm1,
    pull_sign,
    raise_exponential,
    root_of_logistic,
    take_log1p,
    take_logarithm,
    take_root,
)
from activations.formula.products import merge_product
from activations.formula.sums import pair_terms, pair_terms_late
from activations.formula.tree import (
    COMPARISONS,
    ZERO,
    Call,
    Name,
    Node,
    Number,
    X,
    call,
    fold,
    inner_links,
    is_call,
    make,
    names,
    negate,
)

MAX_REWRITES = 200  # of one tree: far more than any formula needs, and an end whatever the rules do
MAX_NESTED = 20
Rule = Callable[[Call], Node | None]


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
