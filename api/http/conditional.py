"""Conditional requests and ranges, as RFC 9110 (13 and 14) has them."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.responses import Response

from api.http.problems import make_http_error
from api.http.responses import Responses

ENTITY_TAG = re.compile(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"')
DATE_FORMATS = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
KEPT_IN_304 = frozenset({"cache-control", "content-location", "date", "etag", "expires", "vary"})
ONE_RANGE = re.compile(r"([0-9]*)-([0-9]*)")
FARTHEST = 10**18
"""In bytes: no file is longer."""
UNCHANGED: Responses = {304: {"description": "The resource still has the ETag in If-None-Match."}}
"""For the `responses` of an endpoint that calls `answer_unmodified`."""


def answer_unmodified(requested: Headers, headers: Mapping[str, str]) -> Response | None:
    """Answer 304 where the client of a GET has what would be sent with these headers; None where it must be sent.

    Raises:
        HTTPException: 412, by If-Match or If-Unmodified-Since.
    """
    answered = Headers(headers)
    etag, modified = answered.get("etag"), parse_date(answered.get("last-modified"))
    require_conditions(requested, etag=etag, modified=modified)
    if "if-none-match" in requested:
        known = matches(join_values(requested, "if-none-match"), etag, weakly=True)
    else:
        since = parse_date(requested.get("if-modified-since"))
        known = since is not None and modified is not None and modified <= since
    if not known:
        return None
    return Response(
        status_code=304, headers={name: text for name, text in headers.items() if name.lower() in KEPT_IN_304}
    )


def require_conditions(requested: Headers, *, etag: str | None, modified: datetime | None = None) -> None:
    """Check If-Match and If-Unmodified-Since.

    Raises:
        HTTPException: 412, the request is for another state of the resource than this.
    """
    if "if-match" in requested:
        met = matches(join_values(requested, "if-match"), etag, weakly=False)
    else:
        since = parse_date(requested.get("if-unmodified-since"))
        met = since is None or modified is None or modified <= since
    if not met:
        raise make_http_error(412)


def join_values(headers: Headers, name: str) -> str:
    return ", ".join(headers.getlist(name))


def matches(condition: str, etag: str | None, *, weakly: bool) -> bool:
    """Whether an If-Match (compared strongly) or an If-None-Match (weakly) names this tag, or is `*`."""
    if condition.strip() == "*":
        return True
    if etag is None or (etag.startswith("W/") and not weakly):
        return False
    tags = [found[0] for found in ENTITY_TAG.finditer(condition)]
    return etag.removeprefix("W/") in [tag.removeprefix("W/") if weakly else tag for tag in tags]


def parse_date(text: str | None) -> datetime | None:
    """Parse an HTTP-date (5.6.7); None for anything else."""
    if text is None:
        return None
    for form in DATE_FORMATS:
        with suppress(ValueError):
            return datetime.strptime(text, form).replace(tzinfo=UTC)
    return None


def find_byte_range(
    requested: Headers, *, etag: str | None, size: int, modified: str | None = None
) -> tuple[int, int] | None:
    """Find the first byte and the one after the last that a GET asks for; None where it gets the whole.

    It gets the whole where Range names no bytes or several ranges or is malformed, or If-Range is of another state.

    Raises:
        HTTPException: 416, there are no such bytes.
    """
    specifier = parse_ranges(requested.get("range", ""))
    if len(specifier) != 1 or not is_current(requested.get("if-range"), etag=etag, modified=modified):
        return None
    match = ONE_RANGE.fullmatch(specifier[0])
    if match is None or match[1] + match[2] == "":
        return None
    if match[1] == "":  # the last so many bytes
        start, end = max(0, size - parse_position(match[2])), size
    else:
        start, end = parse_position(match[1]), min(parse_position(match[2]) + 1 if match[2] else size, size)
    if start >= end:
        raise make_http_error(416, size=size, headers={"Content-Range": f"bytes */{size}"})
    return start, end


def parse_ranges(header: str) -> list[str]:
    """Split a Range of bytes into its ranges; any other unit has none."""
    unit, _, ranges = header.partition("=")
    if unit.strip().lower() != "bytes":
        return []
    return [spec.strip() for spec in ranges.split(",") if spec.strip()]


def is_current(if_range: str | None, *, etag: str | None, modified: str | None) -> bool:
    """Whether If-Range is this state, compared strongly; a date must equal Last-Modified (13.1.5)."""
    if if_range is None:
        return True
    condition = if_range.strip()
    if condition.startswith(('"', "W/")):
        return condition == etag and not condition.startswith("W/")
    return modified is not None and condition == modified


def parse_position(digits: str) -> int:
    return min(int(digits), FARTHEST) if len(digits) < 1000 else FARTHEST
