"""Values of a job's fields for people."""

import json
from typing import Any


def words(value: Any) -> str:  # noqa: ANN401  # any JSON value
    """As JSON writes it, but text without quotes: `null`, `true`, `0.5`, `cross_entropy`, `{"threshold": 1}`.

    Objects have their keys sorted, as the database may give them in any order.
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
