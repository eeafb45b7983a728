"""Values of a job's fields: by dotted path, and as text."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def flatten(fields: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value under its dotted path, such as optimizer.learning_rate; an empty object is a value too."""
    for name, value in fields.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def format_fields(fields: Mapping[str, Any]) -> dict[str, str]:
    """Format each value, by its dotted path."""
    return {path: format_value(value) for path, value in flatten(fields)}


def format_value(value: Any) -> str:  # noqa: ANN401  # any JSON value
    """Format as JSON, but text without quotes: `null`, `true`, `0.5`, `cross_entropy`, `{"threshold": 1}`.

    Keys of objects are sorted, because the database returns them in any order.
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
