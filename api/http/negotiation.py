"""Content negotiation: the format that a request chooses, by ``?format=`` or Accept (RFC 9110, 12)."""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Annotated

from fastapi import Query, Request
from fastapi.exceptions import RequestValidationError

from api.http.formats import MEDIA_TYPES, Format
from api.http.problems import make_http_error
from api.http.validation import make_refusal

QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
NOT_ACCEPTED = (0.0, 0)


def offer(*offered: Format) -> Callable[..., Awaitable[Format]]:
    """Make a dependency: the format a request chooses among those offered; the first is the default.

    ``?format=`` wins over ``Accept``. Of two types that ``Accept`` likes equally, the one it names more precisely
    wins, then the one offered first.

    Raises (when a request is served):
        RequestValidationError: ``?format=`` names none of them.
        HTTPException: 406, ``Accept`` allows none of them.
    """
    query = Query(
        description="The response's format, in place of the Accept header.",
        json_schema_extra={"enum": [*offered]},
        examples=[offered[-1]],
    )

    async def choose(request: Request, format: Annotated[str | None, query] = None) -> Format:  # noqa: A002  # its public name
        if format is not None:
            return find_named(format, offered)
        return find_accepted(",".join(request.headers.getlist("accept")), offered)

    return choose


def find_named(name: str, offered: Sequence[Format]) -> Format:
    for choice in offered:
        if name == choice:
            return choice
    message = f"format is one of {', '.join(offered)}"
    raise RequestValidationError([make_refusal(("query", "format"), message, name)])


def find_accepted(header: str, offered: Sequence[Format]) -> Format:
    ranges = [*parse_qualities(header or "*/*")]
    preferences = {choice: rate(MEDIA_TYPES[choice], ranges) for choice in offered}
    best = max(offered, key=lambda choice: preferences[choice])
    if preferences[best] <= NOT_ACCEPTED:
        raise make_http_error(406, media_types=", ".join(MEDIA_TYPES[choice] for choice in offered))
    return best


def parse_qualities(header: str) -> Iterator[tuple[str, float]]:
    """Parse a header such as Accept: each member in lower case with its quality (12.4.2), malformed ones left out."""
    for member in header.split(","):
        name, *parameters = (part.strip().lower() for part in member.split(";"))
        quality = next((text.removeprefix("q=") for text in parameters if text.startswith("q=")), "1")
        if QUALITY.fullmatch(quality):
            yield name, float(quality)


def rate(media_type: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """Find the quality that the most precise of the matching ranges gives, and how precise that one is."""
    patterns = ["*/*", media_type.partition("/")[0] + "/*", media_type]
    matches = [(patterns.index(pattern) + 1, quality) for pattern, quality in ranges if pattern in patterns]
    precision, quality = max(matches, default=(0, 0.0))
    return (quality, precision) if quality > 0 else NOT_ACCEPTED
