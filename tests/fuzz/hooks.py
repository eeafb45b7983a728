"""Keeps schemathesis from spending its time on one endpoint. It loads this file by its path."""

from typing import Any

import schemathesis

MOST_NUMBERS = 2_000_000
"""Activations of one propagation; the largest that the schema allows takes seconds."""


@schemathesis.hook.apply_to(path="/v1/gradients/propagation")
def filter_body(context: schemathesis.HookContext, body: Any) -> bool:  # noqa: ARG001  # its signature is fixed
    """Drop most of the largest propagations; `python -m bench.propagation` measures them."""
    sizes = [body.get(name) for name in ("depth", "width", "samples")] if isinstance(body, dict) else []
    numbers = 1.0
    for size in sizes:
        numbers *= size if isinstance(size, int | float) else 1
    return numbers <= MOST_NUMBERS
