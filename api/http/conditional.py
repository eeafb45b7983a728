"""Conditional requests and ranges, as RFC 9110 (13 and 14) has them."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response

from api.http.problems import refusal

ENTITY_TAG = re.compile(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"')
DATE_FORMATS = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
KEPT_IN_304 = frozenset({"cache-control", "content-location", "date", "etag", "expires", "vary"})
ONE_RANGE = re.compile(r"([0-9]*)-([0-9]*)")
FARTHEST = 10**18
"""Bytes; no file is longer."""
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "It is still as the ETag in If-None-Match says."}}
"""For the `responses` of an endpoint that answers `not_modified`."""


def not_modified(asked: Headers, headers: Mapping[str, str]) -> Response | None:
    """304 where the client of a GET has what would be sent with these headers; None where it is to be sent.

    Raises:
        HTTPException: 412, by If-Match or If-Unmodified-Since.
    """
    answered = Headers(headers)
    etag, modified = answered.get("etag"), date(answered.get("last-modified"))
    require(asked, etag=etag, modified=modified)
    if "if-none-match" in asked:
        known = matches(listed(asked, "if-none-match"), etag, weakly=True)
    else:
        since = date(asked.get("if-modified-since"))
        known = since is not None and modified is not None and modified <= since
    if not known:
        return None
    return Response(
        status_code=304, headers={name: text for name, text in headers.items() if name.lower() in KEPT_IN_304}
    )


def require(asked: Headers, *, etag: str | None, modified: datetime | None = None) -> None:
    """Raises HTTPException: 412, the request is for another state of the resource than this."""
    if "if-match" in asked:
        met = matches(listed(asked, "if-match"), etag, weakly=False)
    else:
        since = date(asked.get("if-unmodified-since"))
        met = since is None or modified is None or modified <= since
    if not met:
        raise refusal(412)


def listed(headers: Headers, name: str) -> str:
    return ", ".join(headers.getlist(name))


def matches(condition: str, etag: str | None, *, weakly: bool) -> bool:
    """Whether an If-Match (compared strongly) or an If-None-Match (weakly) names this tag, or is `*`."""
    if condition.strip() == "*":
        return True
    if etag is None or (etag.startswith("W/") and not weakly):
        return False
    tags = [found[0] for found in ENTITY_TAG.finditer(condition)]
    return etag.removeprefix("W/") in [tag.removeprefix("W/") if weakly else tag for tag in tags]


def date(text: str | None) -> datetime | None:
    """None of what is no HTTP-date (5.6.7)."""
    for form in DATE_FORMATS:
        with suppress(ValueError):
            return datetime.strptime(text or "", form).replace(tzinfo=UTC)
    return None


def byte_range(asked: Headers, *, etag: str | None, size: int, modified: str | None = None) -> tuple[int, int] | None:
    """The first byte and the one after the last that a GET asks for; None where it gets the whole.

    That is where Range names no bytes or several ranges, is malformed, or where If-Range is of another state.

    Raises:
        HTTPException: 416, there are no such bytes.
    """
    specifier = range_set(asked.get("range", ""))
    if len(specifier) != 1 or not is_current(asked.get("if-range"), etag=etag, modified=modified):
        return None
    match = ONE_RANGE.fullmatch(specifier[0])
    if match is None or match[1] + match[2] == "":
        return None
    if match[1] == "":  # the last so many bytes
        start, end = max(0, size - position(match[2])), size
    else:
        start, end = position(match[1]), min(position(match[2]) + 1 if match[2] else size, size)
    if start >= end:
        raise refusal(416, size=size, headers={"Content-Range": f"bytes */{size}"})
    return start, end


def range_set(header: str) -> list[str]:
    """Of ranges of bytes; empty of anything else."""
    unit, _, ranges = header.partition("=")
    if unit.strip().lower() != "bytes":
        return []
    return [spec.strip() for spec in ranges.split(",") if spec.strip()]


def is_current(if_range: str | None, *, etag: str | None, modified: str | None) -> bool:
    """Compared strongly; a date is the very Last-Modified (13.1.5)."""
    if if_range is None:
        return True
    condition = if_range.strip()
    if condition.startswith(('"', "W/")):
        return condition == etag and not condition.startswith("W/")
    return modified is not None and condition == modified


def position(digits: str) -> int:
    return min(int(digits), FARTHEST) if len(digits) < 1000 else FARTHEST
