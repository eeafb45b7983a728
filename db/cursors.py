"""Cursors of pages of jobs and sweeps: opaque to clients, each with one spelling, so that a forged one is refused."""

import base64
import binascii
import json
import re
from datetime import datetime, timedelta

from jobs.errors import InvalidCursor

LONGEST = 500
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Key = datetime | float | None
"""The value by which a page is sorted."""


def encode(sort: str, key: Key, job_id: str) -> str:
    fields = [sort, key.isoformat() if isinstance(key, datetime) else key, job_id]
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def decode(cursor: str, sort: str, *, of: type, nullable: bool) -> tuple[Key, str]:
    """Decode the key, of that type, and the job's id.

    Raises:
        InvalidCursor: `encode` did not make it for this sort order.
    """
    if len(cursor) > LONGEST:
        raise InvalidCursor
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        made_for, key, job_id = json.loads(content)
        if of is datetime and key is not None:
            key = datetime.fromisoformat(key)
    except (binascii.Error, UnicodeError, ValueError, TypeError, RecursionError) as error:
        raise InvalidCursor from error
    if made_for != sort or not is_id(job_id) or not is_key(key, of=of, nullable=nullable):
        raise InvalidCursor
    if encode(sort, key, job_id) != cursor:
        raise InvalidCursor
    return key, job_id


def is_key(key: object, *, of: type, nullable: bool) -> bool:
    if isinstance(key, datetime) and key.utcoffset() != timedelta(0):
        return False
    return isinstance(key, of) or (key is None and nullable)


def is_id(text: object) -> bool:
    return isinstance(text, str) and UUID.fullmatch(text) is not None
