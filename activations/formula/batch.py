"""Trees over many points at once, in balls: real numbers of Arb's, each a midpoint of any precision and a radius.

Node by node for all points, which leaves the loops to flint. Only the branch of ``where`` that a point takes is
computed. flint is imported here and in ``balls`` alone, and both are imported late: it takes a while.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flint import arb

from activations.formula.table import FUNCTIONS
from activations.formula.tree import COMPARISONS, Call, Node, Number, X, children, is_call, postorder

T = TypeVar("T")
Balls = list[arb]
Truth = bool | None
"""Of a comparison; None where the balls overlap."""
Known = list[Any]  # balls, or the truths of a comparison


def share(*roots: Node) -> list[Node]:
    """Make equal parts of trees one object, which a dictionary finds without comparing them."""
    shared: dict[Node, Node] = {}
    for node in postorder(*roots):
        arguments = tuple(shared[child] for child in children(node))
        shared[node] = Call(node.function, arguments) if isinstance(node, Call) else node
    return [shared[root] for root in roots]


def find_varying(*roots: Node) -> frozenset[Node]:
    """Find the nodes that depend on x."""
    found: set[Node] = {X}
    for node in postorder(*roots):
        if any(child in found for child in children(node)):
            found.add(node)
    return frozenset(found)


@dataclass(slots=True)
class Findings:
    """Events at the points of a batch, under their indices in the outermost batch."""

    reasons: dict[int, str] = field(default_factory=dict)
    """Why a function has no value there."""
    ties: set[int] = field(default_factory=set)
    """The points at which both sides of a comparison are equal."""


class Batch:
    """Points that take the same branches, and what is known at them: for each node a ball for each point.

    ``names`` has the parameters, pi and e. Trees that are not among ``varying`` do not depend on x, and are computed
    once. A ``judge``, a batch of as many points, decides the comparisons in place of this one.
    """

    def __init__(
        self, x: Balls, names: Mapping[str, arb], varying: frozenset[Node], judge: "Batch | None" = None
    ) -> None:
        self.known: dict[Node, Known] = {X: x}
        self.names = names
        self.varying = varying
        self.constants = Batch([arb()], names, frozenset()) if varying else None
        self.judge = judge
        self.outer: Batch | None = None
        self.picked: Sequence[int] = range(len(x))
        self.indices: Sequence[int] = self.picked
        self.findings = Findings()

    def pick(self, picked: Sequence[int], *, certain: bool = True) -> "Batch":
        """Choose points for a branch; what is met in one that is not certainly taken is forgotten."""
        judge = None if self.judge is None else self.judge.pick(picked)
        part = Batch(choose(self.known[X], picked), self.names, self.varying, judge)
        part.constants, part.outer, part.picked = self.constants, self, picked
        part.indices = choose(self.indices, picked)
        if certain:
            part.findings = self.findings
        return part

    def evaluate(self, root: Node) -> Known:
        """Compute a tree at all points; only a branch takes a call of its own."""
        waiting = [root]
        while waiting:
            node = waiting[-1]
            missing = [] if self.recall(node) else [part for part in self.inputs(node) if not self.recall(part)]
            waiting += missing
            if not missing:
                waiting.pop()
                if node not in self.known:
                    self.known[node] = self.compute(node)
        return self.known[root]

    def recall(self, node: Node) -> bool:
        """Look a node up, also in the batch that this one is a part of."""
        if node not in self.known and self.outer is not None and self.outer.recall(node):
            self.known[node] = choose(self.outer.known[node], self.picked)
        return node in self.known

    def inputs(self, node: Node) -> tuple[Node, ...]:
        """List what a node needs to be known: for a choice, the condition alone."""
        if self.constants is not None and node not in self.varying:
            return ()
        return node.arguments[:1] if is_call(node, "where") else children(node)

    def compute(self, node: Node) -> Known:
        """Compute a node whose inputs are known."""
        if isinstance(node, Call):
            return (
                self.call(node) if self.constants is None or node in self.varying else self.repeat(self.constants, node)
            )
        ball = arb(node.value) if isinstance(node, Number) else self.names[node.name]
        return [ball] * len(self.picked)

    def repeat(self, constants: "Batch", node: Call) -> Known:
        """Take a constant, and the reason why it has no value, for all points."""
        result = constants.evaluate(node)
        for reason in constants.findings.reasons.values():
            self.findings.reasons = dict.fromkeys(self.indices, reason) | self.findings.reasons
        return result * len(self.picked)

    def call(self, node: Call) -> Known:
        if node.function == "where":
            return self.branch(*node.arguments)
        arguments = [self.known[argument] for argument in node.arguments]
        if node.function in COMPARISONS:
            return self.compare(node.function, *arguments)
        balls = list(map(BALLS[node.function], *arguments))
        if node.function in REASONS and not all(map(arb.is_finite, balls)):
            self.find_reasons(REASONS[node.function], balls, arguments)
        return balls

    def find_reasons(self, explain: Callable[..., str | None], balls: Balls, arguments: Sequence[Balls]) -> None:
        for index, ball, *given in zip(self.indices, balls, *arguments, strict=True):
            reason = None if ball.is_finite() else explain(*given)
            if reason is not None:
                self.findings.reasons.setdefault(index, reason)

    def compare(self, comparison: str, left: Balls, right: Balls) -> list[Truth]:
        holds, fails = DECISIONS[comparison]
        self.findings.ties.update(
            index for index, equal in zip(self.indices, map(operator.eq, left, right), strict=True) if equal
        )
        return [
            True if yes else False if no else None
            for yes, no in zip(map(holds, left, right), map(fails, left, right), strict=True)
        ]

    def branch(self, condition: Node, then: Node, otherwise: Node) -> Balls:
        """Compute at each point the branch that it takes; where that is not decided, the union of both."""
        truths = self.known[condition] if self.judge is None else self.judge.evaluate(condition)
        results = [arb()] * len(truths)
        for truth in set(truths):
            picked = [index for index, found in enumerate(truths) if found is truth]
            if truth is None:
                part = self.pick(picked, certain=False)
                balls = list(map(arb.union, part.evaluate(then), part.evaluate(otherwise)))
            else:
                part = self if len(picked) == len(truths) else self.pick(picked)
                balls = part.evaluate(then if truth else otherwise)
            for index, ball in zip(picked, balls, strict=True):
                results[index] = ball
        return results


def choose(items: Sequence[T], picked: Sequence[int]) -> list[T]:
    return [items[index] for index in picked]


def apply_sigmoid(u: arb) -> arb:
    """With the exponential that does not overflow: a ball of exp(1e300) has no bound at all."""
    if u > 0:
        return 1 / (1 + (-u).exp())
    growth = u.exp()
    return growth / (1 + growth)


def apply_softplus(u: arb) -> arb:
    return u + (-u).exp().log1p() if u > 0 else u.exp().log1p()


def apply_normal(u: arb) -> arb:
    return (-u / arb(2).sqrt()).erfc() / 2


def raise_ball(base: arb, exponent: arb) -> arb:
    """Arb's power takes the logarithm of a ball around 0."""
    power = base**exponent
    if power.is_finite() or not exponent > 0:
        return power
    if base.is_zero():
        return base
    if base.contains(0) and exponent.is_integer():
        bound = base.abs_upper() ** exponent
        return bound.union(-bound)
    return power


BALLS: Mapping[str, Callable[..., arb]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": raise_ball,
    "neg": operator.neg,
    "abs": operator.abs,
    "min": arb.min,
    "max": arb.max,
    "relu": lambda u: u.max(0),
    "clip": lambda u, low, high: u.max(low).min(high),
    "sigmoid": apply_sigmoid,
    "softplus": apply_softplus,
    "Phi": apply_normal,
    "hypot": lambda u, v: (u * u + v * v).sqrt(),
    "logaddexp": lambda u, v: u + apply_softplus(v - u),
    **{name: getattr(arb, function.ball) for name, function in FUNCTIONS.items() if function.ball},
}

DECISIONS: Mapping[str, tuple[Callable[..., bool], Callable[..., bool]]] = {
    "<": (operator.lt, operator.ge),
    "<=": (operator.le, operator.gt),
    ">": (operator.gt, operator.le),
    ">=": (operator.ge, operator.lt),
}
"""Of each comparison: the relation in which it certainly holds, and in which it certainly does not."""


def explain_quotient(numerator: arb, divisor: arb) -> str | None:
    if not divisor.is_zero() or not numerator.is_finite():
        return None
    if numerator.is_zero():
        return "undefined"
    return None if numerator.contains(0) else "pole"


def explain_logarithm(u: arb) -> str | None:
    return "pole" if u.is_zero() else explain_root(u)


def explain_root(u: arb) -> str | None:
    return "undefined" if u < 0 else None


def explain_power(base: arb, exponent: arb) -> str | None:
    if base.is_zero():
        return "pole" if exponent < 0 else None
    return "undefined" if base < 0 and not exponent.contains_integer() else None


REASONS: Mapping[str, Callable[..., str | None]] = {
    "/": explain_quotient,
    "^": explain_power,
    "log": explain_logarithm,
    "log1p": lambda u: explain_logarithm(u + 1),
    "sqrt": explain_root,
}
"""Why a function certainly has no value, or None where that is not known."""
