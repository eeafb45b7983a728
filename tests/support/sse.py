"""Server-sent events, as text."""

import json
from typing import Any

Events = list[tuple[str, str, dict[str, Any]]]
"""Id, kind and data."""


def parse_events(text: str) -> Events:
    """Parse a stream; comments are left out, and an event without an id has an empty one."""
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        for block in text.strip().split("\n\n")
    ]
    return [(fields.get("id", ""), fields["event"], json.loads(fields["data"])) for fields in blocks if fields]
