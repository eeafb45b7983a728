"""Refusals that FastAPI's own validation cannot express, in its words, so that both read the same to a client."""

from collections.abc import Iterable
from typing import Any

REFUSED = "refused"
"""The type of those whose location is exact, and not what pydantic found its way along."""


def invalid_value(location: tuple[str | int, ...], message: str, given: object) -> dict[str, Any]:
    """One entry of a RequestValidationError; the location begins with "body", "query", "path" or "header"."""
    return {"type": REFUSED, "loc": location, "msg": message, "input": given}


def names_in(values: Iterable[str]) -> list[str]:
    """Of a query parameter that takes several: given once with commas, or again and again."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]
