"""Forms without overflow or cancellation, in place of what is written naively."""

from activations.formula.tree import Node


def stabilize(node: Node) -> Node:
    return node
