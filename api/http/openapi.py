"""The OpenAPI document: FastAPI's, completed by a summary and an example of everything, and errors as problems."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api.http.own_site import SAFE_METHODS
from api.http.prefix import add_prefix
from api.http.problems import MEDIA_TYPE, Problem
from api.http.responses import declare_errors
from api.http.samples import make_sample

Operation = dict[str, Any]
Schemas = dict[str, Any]

REPLACED = ("HTTPValidationError", "ValidationError")  # FastAPI's own errors, which this service never sends
JSON = "application/json"
DONE = {"200": "The answer.", "201": "Created.", "202": "Accepted, and safe.", "204": "Done."}

TAGS = [
    {
        "name": "activations",
        "description": "The catalog and activations of your own, evaluated and drawn: answered at once.",
    },
    {"name": "gradients", "description": "The article's worked examples, for any input: answered at once."},
    {
        "name": "jobs",
        "description": "Trainings: submit, find, follow, compare and cancel them; their figures and weights.",
    },
    {
        "name": "sweeps",
        "description": "Many jobs at once: each activation, seed and point of a grid over the fields of a job.",
    },
    {"name": "published", "description": "The article's published figures, and the comparison of a sweep with them."},
    {"name": "operation", "description": "Health, workers and metrics of the service."},
]


def install(app: FastAPI) -> None:
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = complete(generate())
            if app.state.settings.auth == "none":
                drop_security(app.openapi_schema)
        return {**app.openapi_schema, "servers": [{"url": add_prefix("") or "/", "description": "This service."}]}

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def drop_security(document: dict[str, Any]) -> None:
    """Demand no key: a generated client would not send a request without one."""
    document["components"].pop("securitySchemes", None)
    for _, operation in list_operations(document):
        operation.pop("security", None)


def complete(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    for name in REPLACED:
        schemas.pop(name, None)
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs"), Problem=schema)
    declare_site_errors(document)
    for path, operation in list_operations(document):
        summarize(operation)
        show_request(operation, schemas)
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                show_problems(int(status), response, instance=fill_path(path, operation))
            else:
                show_answer(status, response, schemas)
    return document


def declare_site_errors(document: dict[str, Any]) -> None:
    """Declare what api.http.own_site and api.http.body_limit answer, to any path."""
    for methods in document["paths"].values():
        for method, operation in methods.items():
            unsafe = () if method.upper() in SAFE_METHODS else (403, 413, 415)
            for status in (*unsafe, 421):
                operation["responses"].setdefault(str(status), declare_errors(status)[status])


def list_operations(document: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def summarize(operation: Operation) -> None:
    """Take the first sentence of the endpoint's docstring for the summary, and the rest for the description."""
    sentence, _, rest = operation["description"].partition(".")
    operation["summary"] = " ".join(sentence.split())
    operation["description"] = rest.strip() or operation["description"]


def show_request(operation: Operation, schemas: Schemas) -> None:
    if "requestBody" not in operation:
        return
    content = operation["requestBody"]["content"][JSON]
    examples = resolve(content["schema"], schemas).get("examples") or [make_sample(content["schema"], schemas)]
    content["examples"] = {f"example {number}": {"value": value} for number, value in enumerate(examples, start=1)}


def show_answer(status: str, response: dict[str, Any], schemas: Schemas) -> None:
    if response["description"] == "Successful Response":
        response["description"] = DONE[status]
    content = response.get("content", {}).get(JSON)
    if content:
        content["example"] = make_sample(content["schema"], schemas)


def show_problems(status: int, response: dict[str, Any], *, instance: str) -> None:
    if MEDIA_TYPE not in response.get("content", {}):  # FastAPI declared it
        response.update(declare_errors(status)[status])
    examples = {
        code: {**found, "value": {**found["value"], "instance": instance}}
        for code, found in response["content"][MEDIA_TYPE]["examples"].items()
    }
    response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}}


def fill_path(path: str, operation: Operation) -> str:
    """Fill in the parameters of the path, as a request does."""
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(make_sample(parameter["schema"], {})))
    return path


def resolve(schema: dict[str, Any], schemas: Schemas) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = schemas[name] if name else schema
    return found
