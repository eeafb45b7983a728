"""A sweep's grid as columns of a table, `values.` and the field's path, each of the type that all its values have."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from api.http.tables import ColumnType
from jobs.sweep import Configuration

LARGEST_INTEGER = 2**63 - 1


def types(grid: Mapping[str, Sequence[JsonValue]]) -> dict[str, ColumnType]:
    return {f"values.{path}": type_of(values) for path, values in grid.items()}


def cells(grid: Mapping[str, Sequence[JsonValue]], configuration: Configuration) -> list[Any]:
    """List a configuration's values, in the order and of the types of the columns."""
    return [
        None if (value := configuration.values[path]) is None else CONVERTED.get(type_of(values), as_it_is)(value)
        for path, values in grid.items()
    ]


def type_of(values: Sequence[JsonValue]) -> ColumnType:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int} and all(abs(value) <= LARGEST_INTEGER for value in values if isinstance(value, int)):
        return "int64"
    if kinds and kinds <= {int, float}:
        return "float64"
    return ONE_KIND.get(next(iter(kinds)), "json") if len(kinds) == 1 else "json"


def as_it_is(value: JsonValue) -> JsonValue:
    return value


ONE_KIND: Mapping[type, ColumnType] = {bool: "bool", str: "string"}
CONVERTED: Mapping[ColumnType, Callable[[Any], Any]] = {"float64": float}
