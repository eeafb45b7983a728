"""Makes an example of what a JSON schema describes, of the examples of its fields."""

from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]
MOMENT = "2026-11-23T09:30:00.000000Z"
EXAMPLE_ID = "0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"
"""Of a job or a sweep."""


def make_sample(schema: Schema, schemas: Schema) -> Any:  # noqa: ANN401  # any JSON
    """Take the schema's own example or its default, else make one by its type; references are to `schemas`."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return make_sample(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for found in ("const", "default"):
        if found in schema:
            return schema[found]
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return make_sample(schema[union][0], schemas)
    return schema["enum"][0] if "enum" in schema else OF_TYPE[schema["type"]](schema, schemas)


def sample_object(schema: Schema, schemas: Schema) -> dict[str, Any]:
    """Leave out `non_finite`, which is there only where a null replaces a number."""
    fields = schema.get("properties", {})
    return {name: make_sample(field, schemas) for name, field in fields.items() if name != "non_finite"}


def sample_array(schema: Schema, schemas: Schema) -> list[Any]:
    return [
        make_sample(item, schemas) for item in schema.get("prefixItems", [schema["items"]] if "items" in schema else [])
    ]


def sample_string(schema: Schema, _: Schema) -> str:
    return MOMENT if schema.get("format") == "date-time" else "text"


OF_TYPE: Mapping[str, Callable[[Schema, Schema], Any]] = {
    "object": sample_object,
    "array": sample_array,
    "string": sample_string,
    "number": lambda schema, _: float(schema.get("minimum", 0)),
    "integer": lambda schema, _: int(schema.get("minimum", 0)),
    "boolean": lambda *_: False,
    "null": lambda *_: None,
}
