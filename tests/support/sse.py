"""Server-sent events, as text."""

import json
from typing import Any

Events = list[tuple[str, str, dict[str, Any]]]
"""Id, kind and data."""


def parse_events(text: str) -> Events:
    """Parse a stream; comments are left out."""
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        for block in text.strip().split("\n\n")
    ]
    return [(fields["id"], fields["event"], json.loads(fields["data"])) for fields in blocks if fields]
