"""Derivatives by the rules of the table."""

from activations.formula.algebra import simplify
from activations.formula.language import InvalidFormula
from activations.formula.table import FUNCTIONS
from activations.formula.tree import ONE, ZERO, Call, Name, Node, fold, size

MAX_DERIVATIVE_NODES = 4_000


def differentiate(node: Node, name: str) -> Node:
    """Differentiate by ``x`` or a parameter, simplified.

    Raises:
        InvalidFormula: the derivative is too long to be worked with.
    """

    def visit(part: Node, below: tuple[tuple[Node, Node], ...]) -> tuple[Node, Node]:
        """The simplified node and its derivative."""
        if not isinstance(part, Call):
            return part, ONE if part == Name(name) else ZERO
        arguments = tuple(simplified for simplified, _ in below)
        slopes = tuple(slope for _, slope in below)
        derivative = FUNCTIONS[part.function].derivative(arguments, slopes)
        if size(derivative) > MAX_DERIVATIVE_NODES:
            raise InvalidFormula(
                f"the derivative by {name} of this formula has more than {MAX_DERIVATIVE_NODES:,} numbers, names and "
                "operators: write a shorter formula"
            )
        return simplify(part.function, arguments), derivative

    return fold(node, visit)[1]
