"""JSON pointers (RFC 6901) to the values that a validator refused."""

from collections.abc import Iterable, Mapping
from typing import Any


def resolve(parts: Iterable[str | int], value: Any) -> Iterable[str | int]:  # noqa: ANN401  # any JSON
    """Yield the parts of a pydantic location that exist in the value, and a last one that names a missing field.

    Parts that only name a branch of a union are skipped.
    """
    remaining = list(parts)
    for index, part in enumerate(remaining):
        last = index == len(remaining) - 1
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            if not (last and isinstance(value, Mapping) and part != "[key]"):
                continue
        yield part


def to_pointer(parts: Iterable[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
