"""The tree of a formula: numbers, names, and calls of functions. Operators are functions too.

A ``Name`` is ``x``, a parameter, ``pi`` or ``e``. A ``Call`` is of a function of ``table.FUNCTIONS``: ``+ - * / ^``,
``neg``, ``exp`` and the like, or, as the first argument of ``where`` alone, of a comparison ``< <= > >=``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeGuard, TypeVar

T = TypeVar("T")

COMPARISONS = ("<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A function of the table with its arguments.

    ``size`` is the number of nodes, as often as each is written. It and the hash are computed once: trees are the keys
    of many tables.
    """

    function: str
    arguments: tuple["Node", ...]
    size: int = field(init=False, repr=False)
    hashed: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", 1 + sum(map(size, self.arguments)))
        object.__setattr__(self, "hashed", hash((self.function, self.arguments)))

    def __hash__(self) -> int:
        return self.hashed

    def __eq__(self, other: object) -> bool:
        """Compare without recursion, which a long sum would exhaust."""
        pairs: list[tuple[object, object]] = [(self, other)]
        while pairs:
            left, right = pairs.pop()
            if left is right:
                continue
            if isinstance(left, Call) and isinstance(right, Call):
                if not left.resembles(right):
                    return False
                pairs.extend(zip(left.arguments, right.arguments, strict=True))
            elif isinstance(left, Call) or left != right:
                return False
        return True

    def resembles(self, other: "Call") -> bool:
        """Compare all but the arguments themselves."""
        return (self.hashed, self.function, len(self.arguments)) == (other.hashed, other.function, len(other.arguments))


Node = Number | Name | Call

X = Name("x")
ZERO, ONE, TWO = Number(0.0), Number(1.0), Number(2.0)


def call(function: str, *arguments: Node) -> Call:
    return Call(function, arguments)


def is_call(node: Node, *functions: str) -> TypeGuard[Call]:
    return isinstance(node, Call) and node.function in functions


def children(node: Node) -> tuple[Node, ...]:
    return node.arguments if isinstance(node, Call) else ()


def argument_of(node: Node) -> Node:
    """The argument of a function of one."""
    return children(node)[0]


def postorder(*roots: Node) -> list[Node]:
    """Every different node below the roots, arguments before their calls, without recursion."""
    found: dict[Node, None] = {}
    waiting = [(root, False) for root in reversed(roots)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            found.setdefault(node)
        elif node not in found:
            waiting.append((node, True))
            waiting.extend((child, False) for child in reversed(children(node)))
    return list(found)


def fold(root: Node, visit: Callable[[Node, tuple[T, ...]], T]) -> T:
    """Compute a result for every node from those of its arguments; return the root's."""
    results: dict[Node, T] = {}
    for node in postorder(root):
        results[node] = visit(node, tuple(results[child] for child in children(node)))
    return results[root]


def inner_links(root: Node, *family: str) -> set[Call]:
    """Sums within a sum, for the family + and -, that stand nowhere else: only the whole is to be looked at."""
    order = postorder(root)
    links = {child for node in order if is_call(node, *family) for child in node.arguments if is_call(child, *family)}
    elsewhere = {child for node in order if not is_call(node, *family) for child in children(node)}
    return links - elsewhere


def names(*roots: Node) -> list[str]:
    """The names used, in the order of their first use."""
    return [node.name for node in postorder(*roots) if isinstance(node, Name)]


def size(node: Node) -> int:
    """The number of nodes, as often as each is written."""
    return node.size if isinstance(node, Call) else 1


def make(function: str, *arguments: Node) -> Node:
    """Make a call in the one form that trees have, with the sign of a product outside of it."""
    if function == "neg":
        return negate(arguments[0])
    first = arguments[0]
    if function in {"*", "/"} and is_call(first, "neg"):
        return negate(call(function, first.arguments[0], arguments[1]))
    return call(function, *arguments)


def negate(node: Node) -> Node:
    """The negative, in the one form that trees have: the sign of ``-2*x/y`` is the number's, of ``-x*y`` outermost."""
    if isinstance(node, Number):
        return Number(-node.value or 0.0)
    if isinstance(node, Call) and node.function == "neg":
        return node.arguments[0]
    chain: list[Call] = []
    first: Node = node
    while isinstance(first, Call) and first.function in {"*", "/"}:
        chain.append(first)
        first = first.arguments[0]
    if not isinstance(first, Number):
        return call("neg", node)
    negative: Node = negate(first)
    for link in reversed(chain):
        negative = call(link.function, negative, link.arguments[1])
    return negative
