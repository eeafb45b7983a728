"""Declares the responses of an endpoint in OpenAPI: the files beside JSON, and the errors."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from api.http.formats import DRAWINGS, EXAMPLES, MEDIA_TYPES, SCHEMAS, Format
from api.http.problems import HTTP_ERRORS, INVALID, MEDIA_TYPE, RETRY_AFTER_SECONDS, STATUS, TEMPORARY
from jobs import errors

Responses = dict[int | str, dict[str, Any]]
"""By status, as FastAPI takes them."""

RETRY_AFTER = {
    "description": "Seconds to wait before the next attempt.",
    "schema": {"type": "integer"},
    "example": RETRY_AFTER_SECONDS,
}

OF_THE_DATABASE = (errors.DiskFull, errors.DiskFailed, errors.DatabaseDamaged, errors.WrongSchema)
"""Errors of every endpoint that uses the database."""


def declare_files(csv: str, *others: Format) -> Responses:
    """Declare the formats beside JSON; `csv` is an example of the table."""
    table = {MEDIA_TYPES[Format.CSV]: {"schema": SCHEMAS[Format.CSV], "example": csv}}
    return {200: {"content": {**table, **describe_formats(others)}}}


def declare_drawing() -> Responses:
    """Declare an endpoint that answers with a drawing and nothing else."""
    return {200: {"description": "The drawing.", "content": describe_formats(DRAWINGS)}}


def describe_formats(kinds: Sequence[Format]) -> dict[str, Any]:
    return {MEDIA_TYPES[kind]: {"schema": SCHEMAS[kind], **EXAMPLES.get(kind, {})} for kind in kinds}


def declare_errors(*declarations: int | type[errors.JobsError]) -> Responses:
    """Declare these errors, with an example a code; a status stands for the error of HTTP itself."""
    found: Responses = {}
    of_the_database = OF_THE_DATABASE if errors.DatabaseUnavailable in declarations else ()
    for error in (*declarations, *of_the_database):
        status, code, detail = read_declaration(error)
        response = found.setdefault(int(status), describe_status(status))
        response["content"][MEDIA_TYPE]["examples"][code] = {
            "summary": detail,
            "value": make_example(status, code, detail),
        }
    return found


def read_declaration(error: int | type[errors.JobsError]) -> tuple[int, str, str]:
    """Read the status, code and text of an error."""
    if not isinstance(error, int):
        return STATUS[error], error.code, str(error())
    code, detail, example = HTTP_ERRORS[error]
    return error, code, detail.format(**example)


def describe_status(status: int) -> dict[str, Any]:
    headers = {"headers": {"Retry-After": RETRY_AFTER}} if status in TEMPORARY else {}
    return {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"examples": {}}}, **headers}


def make_example(status: int, code: str, detail: str) -> dict[str, Any]:
    """Make a problem without its `instance`, which api/http/openapi.py knows."""
    fields = {"errors": [INVALID.example]} if code == INVALID.code else {}
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        **fields,
    }
