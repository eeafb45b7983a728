"""Keeps schemathesis from spending its time on one endpoint. It loads this file by its path."""

from math import prod
from typing import Any

import schemathesis

MOST_NUMBERS = 2_000_000
"""Activations of one propagation; the largest that the schema allows takes seconds."""


@schemathesis.hook
def filter_body(context: schemathesis.HookContext, body: Any) -> bool:
    """Drop most of the largest propagations."""
    if context.operation is None or context.operation.path != "/v1/gradients/propagation":
        return True
    sizes = [body.get(name) for name in ("depth", "width", "samples")] if isinstance(body, dict) else []
    return prod(size for size in sizes if isinstance(size, int | float)) <= MOST_NUMBERS
