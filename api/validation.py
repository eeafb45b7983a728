"""Refusals that FastAPI's own validation cannot express, in its words, so that both read the same to a client."""

from typing import Any


def invalid_value(location: tuple[str, ...], message: str, given: object) -> dict[str, Any]:
    """One entry of a RequestValidationError; the location begins with "body", "query", "path" or "header"."""
    return {"type": "invalid_value", "loc": location, "msg": message, "input": given}
