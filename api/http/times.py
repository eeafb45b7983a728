"""Times in answers: RFC 3339 in UTC, always with six digits of a second, so that a column of them has one form."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import PlainSerializer, WithJsonSchema


def to_rfc3339(moment: datetime) -> str:
    """Write as `2026-11-23T09:30:00.000000Z`, whatever zone the moment has."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


Time = Annotated[
    datetime,
    PlainSerializer(to_rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T09:30:00.000000Z"]}),
]
"""The type of a model's field."""
