"""`--set optimizer.learning_rate=0.01`: fields of a request by dotted path."""

import json
from collections.abc import Iterable
from typing import Any

TEXTS = "metadata."
"""Where every value is text. The other fields that take text know a few words, and none of them is JSON."""


class InvalidAssignment(ValueError):
    """It is not of the form path=value, or its path leads through a value."""


def assign(body: dict[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """The body with every `path=value` in it, the last word on a path winning.

    Raises:
        InvalidAssignment: names the one that cannot be used.
    """
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        *parents, name = names(path)
        if not (separator and name and all(parents)):
            raise InvalidAssignment(f"{assignment!r} is not of the form path=value, such as clip.threshold=1")
        parent = body
        for key in parents:
            parent = parent.setdefault(key, {})
            if not isinstance(parent, dict):
                raise InvalidAssignment(f"{assignment!r}: {key} is set to {json.dumps(parent)} already")
        parent[name] = value(text, path)
    return body


def names(path: str) -> list[str]:
    """The fields that lead there; a key of metadata may hold dots."""
    return path.split(".", maxsplit=1) if path.startswith(TEXTS) else path.split(".")


def value(text: str, path: str) -> Any:  # noqa: ANN401  # any JSON
    """The text as the field at the path takes it: where that is text, 2024 is text too."""
    found = json_or_word(text)
    return found if isinstance(found, str) or not path.startswith(TEXTS) else text


def json_or_word(text: str) -> Any:  # noqa: ANN401  # any JSON
    """JSON, or else the text itself: `gelu` need not be quoted twice."""
    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return text


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
