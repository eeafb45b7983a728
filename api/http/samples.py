"""An example of what a JSON schema describes, made of the examples of its fields."""

from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]
MOMENT = "2026-11-23T09:30:00.000000Z"
EXAMPLE_ID = "0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"
"""Of a job or a sweep."""


def sample(schema: Schema, schemas: Schema) -> Any:  # noqa: ANN401  # any JSON
    """The schema's own example, its default, or else what its type says; references are to `schemas`."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return sample(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for found in ("const", "default"):
        if found in schema:
            return schema[found]
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return sample(schema[union][0], schemas)
    return schema["enum"][0] if "enum" in schema else OF_TYPE[schema["type"]](schema, schemas)


def object_of(schema: Schema, schemas: Schema) -> dict[str, Any]:
    """Without `non_finite`, which stands only beside a null in a number's place."""
    fields = schema.get("properties", {})
    return {name: sample(field, schemas) for name, field in fields.items() if name != "non_finite"}


def array_of(schema: Schema, schemas: Schema) -> list[Any]:
    return [sample(item, schemas) for item in schema.get("prefixItems", [schema["items"]] if "items" in schema else [])]


def string_of(schema: Schema, _: Schema) -> str:
    return MOMENT if schema.get("format") == "date-time" else "text"


OF_TYPE: Mapping[str, Callable[[Schema, Schema], Any]] = {
    "object": object_of,
    "array": array_of,
    "string": string_of,
    "number": lambda schema, _: float(schema.get("minimum", 0)),
    "integer": lambda schema, _: int(schema.get("minimum", 0)),
    "boolean": lambda *_: False,
    "null": lambda *_: None,
}
