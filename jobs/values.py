"""Values of a job's fields as text."""

import json
from typing import Any


def format_value(value: Any) -> str:  # noqa: ANN401  # any JSON value
    """Format as JSON, but text without quotes: `null`, `true`, `0.5`, `cross_entropy`, `{"threshold": 1}`.

    Keys of objects are sorted, because the database returns them in any order.
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
