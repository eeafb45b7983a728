"""Refusals that FastAPI's own validation cannot express, in its form, so that both read the same to a client."""

from collections.abc import Iterable
from typing import Any

REFUSED = "refused"
"""The type of a refusal whose location is exact; pydantic's own hold branches of unions too."""


def make_refusal(location: tuple[str | int, ...], message: str, given: object) -> dict[str, Any]:
    """Make an entry of a RequestValidationError; the location begins with "body", "query", "path" or "header"."""
    return {"type": REFUSED, "loc": location, "msg": message, "input": given}


def split_names(values: Iterable[str]) -> list[str]:
    """Split the names in a query parameter that is given once with commas, or several times."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]
