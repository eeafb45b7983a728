"""`--set optimizer.learning_rate=0.01`: fields of a request by dotted path."""

import json
from collections.abc import Iterable
from typing import Any

METADATA = "metadata."
FORMULA = "formula"
"""The fields in which every value is text. Others that take text have a few allowed words, none of them JSON."""


class InvalidAssignment(ValueError):
    """The assignment is not of the form path=value, or its path leads through a value."""


def assign(body: dict[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """The body with every `path=value` in it; of several with one path, the last wins.

    Raises:
        InvalidAssignment: names the assignment that cannot be used.
    """
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        *parents, name = split_path(path)
        if not (separator and name and all(parents)):
            raise InvalidAssignment(f"{assignment!r} is not of the form path=value, such as clip.threshold=1")
        parent = body
        for key in parents:
            parent = parent.setdefault(key, {})
            if not isinstance(parent, dict):
                raise InvalidAssignment(f"{assignment!r}: {key} is already set to {json.dumps(parent)}")
        parent[name] = parse_value(text, path)
    return body


def split_path(path: str) -> list[str]:
    """The field names of the path; a key of metadata may hold dots."""
    return path.split(".", maxsplit=1) if path.startswith(METADATA) else path.split(".")


def parse_value(text: str, path: str) -> Any:  # noqa: ANN401  # any JSON
    """The value for the field at the path: where that takes text, 2024 is text too."""
    found = parse_json_or_word(text)
    takes_text = path == FORMULA or path.startswith(METADATA)
    return text if takes_text and not isinstance(found, str) else found


def parse_json_or_word(text: str) -> Any:  # noqa: ANN401  # any JSON
    """The text read as JSON, or else the text itself, so that `gelu` needs no second quotes."""
    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return text


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
