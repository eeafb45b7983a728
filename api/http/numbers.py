"""Numbers in JSON: every float survives exactly, and a non-finite one is null with a marker that says what it was."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
import orjson
from pydantic import Field
from starlette.responses import JSONResponse

from api.http.times import to_rfc3339
from jobs.pointers import to_pointer

# Any: a JSON document is as nested as its endpoint likes.
Document = Mapping[str, Any]
Floats = np.ndarray[Any, Any] | Sequence[float]

# As text, in a query, a path or a header. Python's int() and float() take any script's digits, "1_000" and " 5 ".
INTEGER = re.compile("-?[0-9]+")
DECIMAL = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")

NonFinite = Annotated[
    dict[str, Literal["inf", "-inf", "nan"]] | None,
    Field(description="What each null stands for, by JSON pointer; absent where every number is finite."),
]
"""The type of a model's field `non_finite`, whose default is None."""

NotDecided = Annotated[
    dict[str, Literal["inf", "-inf", "nan", "pole", "undefined", "jump", "undecided"]] | None,
    Field(
        description="What each null stands for, by JSON pointer; absent where every number is finite. Of a formula: "
        "pole, undefined (outside of its domain), jump, or undecided at the highest precision tried.",
    ),
]
"""The same for a model whose numbers may be those of a formula."""

PLAIN = {str, int, float, bool, type(None)}


class ExactJSON(JSONResponse):
    """A JSON response whose numbers survive exactly."""

    def render(self, content: Document) -> bytes:
        return render(content)


def render(document: Document) -> bytes:
    """Render the document as JSON, marked; floats as the shortest text that reads back as the same float64."""
    return orjson.dumps(mark(document), option=orjson.OPT_SERIALIZE_NUMPY)


def mark(document: Document) -> dict[str, Any]:
    """Replace every inf and nan by null, and add a ``non_finite`` member to each object that held one.

    ``non_finite`` maps JSON pointers (RFC 6901), relative to that object, to "inf", "-inf" or "nan". NumPy arrays,
    contiguous and of one dimension, and lists of nothing but floats are searched at NumPy's speed, and stay as they are
    where every number is finite. Times become text.
    """
    if holds_only_plain_values(document):
        return dict(document)
    found: dict[str, str] = {}
    finite = {key: to_finite(value, to_pointer([key]), found) for key, value in document.items()}
    return {**finite, "non_finite": found} if found else finite


def mark_with_reasons(document: Document, reasons: Mapping[str, str]) -> dict[str, Any]:
    """Mark a document; `reasons` say by pointer more of a null than "nan"."""
    marked = mark(document)
    return {**marked, "non_finite": {**marked["non_finite"], **reasons}} if reasons else marked


def to_finite(value: Any, pointer: str, found: dict[str, str]) -> Any:  # noqa: ANN401  # any JSON value
    """Make the value fit for JSON; what was not finite is added to `found`."""
    if isinstance(value, float) and not math.isfinite(value):
        found[pointer] = name_of(value)
        return None
    if isinstance(value, Mapping):
        return mark(value)
    if isinstance(value, datetime):
        return to_rfc3339(value)
    if isinstance(value, np.ndarray) or holds_only_floats(value):
        return floats_to_finite(value, pointer, found)
    if isinstance(value, list | tuple):
        return [to_finite(item, f"{pointer}/{index}", found) for index, item in enumerate(value)]
    return value


def floats_to_finite(floats: Floats, pointer: str, found: dict[str, str]) -> Floats | list[float | None]:
    places = np.flatnonzero(~np.isfinite(floats)).tolist()
    if not places:
        return floats
    items: list[float | None] = np.asarray(floats).tolist()
    for index in places:
        found[f"{pointer}/{index}"] = name_of(floats[index])
        items[index] = None
    return items


def holds_only_plain_values(document: Document) -> bool:
    """Whether the object can stay as it is, such as a row of a table; a history has thousands."""
    return PLAIN.issuperset(map(type, document.values())) and all(
        math.isfinite(value) for value in document.values() if type(value) is float
    )


def holds_only_floats(value: object) -> bool:
    return isinstance(value, list | tuple) and {*map(type, value)} == {float}


def name_of(value: float) -> str:
    return str(float(value))  # Python's own: inf, -inf, nan
