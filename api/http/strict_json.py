"""JSON from a client, read strictly: what two programs could read differently is refused, and its place is named."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.http.problems import refusal
from api.http.validation import invalid_value

MAX_DEPTH = 64
LONGEST_INTEGER = 308  # digits: any such number is a float64 too
MOST_FAULTS = 10
UNUSABLE = re.compile("[\0\ud800-\udfff]")

Parts = tuple[str | int, ...]


class Repeating(dict[str, Any]):
    """An object that holds a key twice; `key` is the first such key."""

    key: str


def parse(body: bytes) -> Any:  # noqa: ANN401  # any JSON
    """The document.

    Raises:
        HTTPException: 400, it is not JSON (RFC 8259): not UTF-8, or nested more than MAX_DEPTH deep.
        RequestValidationError: it is, and holds a key twice, text that is no Unicode text or has a NUL, or a number
            that is not finite in float64.
    """
    try:
        text = body.decode("utf-8-sig")
        document = json.loads(text, object_pairs_hook=to_object, parse_int=to_integer)
    except UnicodeDecodeError as error:
        raise malformed(f"byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise malformed(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise malformed(f"it is nested more than {MAX_DEPTH} levels deep") from error
    found = [invalid_value(("body", *parts), message, None) for parts, message in islice(faults(document), MOST_FAULTS)]
    if found:
        raise RequestValidationError(found, body=document)
    return document


def malformed(reason: str) -> HTTPException:
    return refusal(400, reason=f": {reason}")


def to_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    repeating = Repeating(members)
    repeating.key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
    return repeating


def to_integer(digits: str) -> int | float:
    """Infinite where it is beyond float64: Python would take a second for a million digits."""
    if len(digits) <= LONGEST_INTEGER:
        return int(digits)
    rounded = float(digits)
    return int(digits) if math.isfinite(rounded) else rounded


def faults(document: Any) -> Iterator[tuple[Parts, str]]:  # noqa: ANN401  # any JSON
    """Each fault with the path to it; an object's key is named by the path to the object."""
    waiting: list[tuple[Parts, Any]] = [((), [document])]
    while waiting:
        parts, container = waiting.pop()
        if len(parts) > MAX_DEPTH:
            raise malformed(f"it is nested more than {MAX_DEPTH} levels deep")
        if isinstance(container, Repeating):
            yield own(parts, container.key), "stands there twice"
        if are_finite(container):
            continue
        for key, value in members(container):
            if isinstance(value, dict | list):
                waiting.append(((*parts, key), value))
            if isinstance(key, str) and UNUSABLE.search(key):
                yield parts[1:], f"has a key that {unusable(key)}"
            if fault := fault_of(value):
                yield own(parts, key), fault


def are_finite(container: object) -> bool:
    """Whether it is a list of nothing but finite floats, which may be long."""
    only_floats = isinstance(container, list) and {*map(type, container)} == {float}
    return only_floats and all(map(math.isfinite, container))  # type: ignore[call-overload]


def fault_of(value: object) -> str | None:
    if isinstance(value, str) and UNUSABLE.search(value):
        return unusable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number in float64"
    return None


def own(parts: Parts, key: str | int) -> Parts:
    """Without the list that holds the document itself."""
    return (*parts, key)[1:]


def members(container: Mapping[str, Any] | Sequence[Any]) -> Iterator[tuple[str | int, Any]]:
    return iter(container.items() if isinstance(container, Mapping) else enumerate(container))


def unusable(text: str) -> str:
    return "holds a NUL" if "\0" in text else "holds half of a surrogate pair, which is no character"
