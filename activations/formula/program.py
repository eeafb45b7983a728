"""A formula as a straight-line program: common subexpressions once, over arrays, tensors or balls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from activations.formula.tree import Call, Name, Node, Number, postorder

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Step:
    """A call whose arguments are numbered values; ``last`` are those that no later step needs."""

    target: int
    function: str
    arguments: tuple[int, ...]
    last: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Numbers and names first, then one step for each different call; every value has a number."""

    numbers: tuple[tuple[int, float], ...]
    names: tuple[tuple[int, str], ...]
    steps: tuple[Step, ...]
    results: tuple[int, ...]
    size: int

    @classmethod
    def compile(cls, *nodes: Node) -> "Program":
        order = postorder(*nodes)
        place = {node: index for index, node in enumerate(order)}
        calls = [(place[node], node) for node in order if isinstance(node, Call)]
        return cls(
            numbers=tuple((place[node], node.value) for node in order if isinstance(node, Number)),
            names=tuple((place[node], node.name) for node in order if isinstance(node, Name)),
            steps=number_steps(calls, place, {place[node] for node in nodes}),
            results=tuple(place[node] for node in nodes),
            size=len(order),
        )

    def run(
        self,
        functions: Mapping[str, Callable[..., V]],
        names: Mapping[str, V],
        number: Callable[[float], V],
    ) -> tuple[V, ...]:
        """Compute the results. ``names`` has x, the parameters, pi and e; ``number`` makes a value of a literal."""
        values: list[Any] = [None] * self.size  # V, once computed
        for place, value in self.numbers:
            values[place] = number(value)
        for place, name in self.names:
            values[place] = names[name]
        for step in self.steps:
            values[step.target] = functions[step.function](*[values[argument] for argument in step.arguments])
            for argument in step.last:
                values[argument] = None
        return tuple(values[result] for result in self.results)


def number_steps(calls: list[tuple[int, Call]], place: Mapping[Node, int], kept: set[int]) -> tuple[Step, ...]:
    """Make the steps, from the last on: an argument seen there for the first time is needed no longer."""
    steps = []
    seen = set(kept)
    for target, node in reversed(calls):
        arguments = tuple(place[argument] for argument in node.arguments)
        last = tuple(set(arguments) - seen)
        seen |= set(last)
        steps.append(Step(target, node.function, arguments, last))
    return tuple(reversed(steps))
