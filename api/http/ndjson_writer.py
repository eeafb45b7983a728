"""Writes rows as NDJSON: an object a row, non-finite numbers marked as in every JSON of the service."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from pydantic_core import to_json

from api.http import numbers
from api.http.tables import Rows, Types
from api.http.times import to_rfc3339


def write(types: Types, batches: Iterable[Rows]) -> Iterator[bytes]:
    for rows in batches:
        yield b"".join(to_json(row) + b"\n" for row in to_objects(types, rows))


def to_objects(types: Types, rows: Rows) -> Iterator[dict[str, Any]]:
    """Make each row a JSON object; only rows with a number that is not finite, which are few, are marked."""
    if not rows:
        return
    times = [name for name, kind in types.items() if kind == "timestamp"]
    floats = [at for at, kind in enumerate(types.values()) if kind == "float64"]
    numbers_of = np.array([[row[at] for at in floats] for row in rows], np.float64)  # None becomes nan
    searched = {*np.flatnonzero(~np.isfinite(numbers_of).all(axis=1)).tolist()}
    for at, row in enumerate(rows):
        found = dict(zip(types, row, strict=True))
        for name in times:
            found[name] = None if found[name] is None else to_rfc3339(found[name])
        yield numbers.mark(found) if at in searched else found
