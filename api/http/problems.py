"""An error as a client sees it, application/problem+json (RFC 9457): its code, status and default text."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from api.http.request_log import REQUEST_ID
from jobs import errors

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
MAX_DETAIL = 500
MAX_INSTANCE = 250
TEMPORARY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""Statuses of errors that pass, which say when to try again."""

STATUS: Mapping[type[errors.JobsError], HTTPStatus] = {
    errors.JobNotFound: HTTPStatus.NOT_FOUND,
    errors.CheckpointNotFound: HTTPStatus.NOT_FOUND,
    errors.CheckpointDamaged: HTTPStatus.CONFLICT,
    errors.JobFinished: HTTPStatus.CONFLICT,
    errors.SweepNotFound: HTTPStatus.NOT_FOUND,
    errors.SweepFinished: HTTPStatus.CONFLICT,
    errors.JobNotFinished: HTTPStatus.CONFLICT,
    errors.ActivationExists: HTTPStatus.CONFLICT,
    errors.ActivationInUse: HTTPStatus.CONFLICT,
    errors.TooManyActivations: HTTPStatus.CONFLICT,
    errors.NoCheckpoint: HTTPStatus.CONFLICT,
    errors.UnsupportedSpec: HTTPStatus.CONFLICT,
    errors.NoWorkerAnswered: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.InvalidCursor: HTTPStatus.BAD_REQUEST,
    errors.IdempotencyConflict: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooManyJobs: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DatabaseBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DiskFull: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.DiskFailed: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DatabaseDamaged: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.WrongSchema: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.BrokerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StorageUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The statuses of the domain's errors, whose codes and texts are in jobs/errors.py."""


class HttpError(NamedTuple):
    """An error of HTTP itself, one a status."""

    code: str
    detail: str = ""
    """A template; what raises the error fills it in."""
    example: Mapping[str, object] = {}
    """Values for the template."""


HTTP_ERRORS: Mapping[int, HttpError] = {
    HTTPStatus.BAD_REQUEST: HttpError("malformed_request", "the body is not JSON{reason}", {"reason": ""}),
    HTTPStatus.UNAUTHORIZED: HttpError("unauthorized", "an API key is needed: Authorization: Bearer <key>"),
    HTTPStatus.FORBIDDEN: HttpError(
        "forbidden",
        "{reason}",
        {"reason": "a page of https://elsewhere.example may not send this"},
    ),
    HTTPStatus.NOT_FOUND: HttpError("not_found", "there is no such name"),
    HTTPStatus.METHOD_NOT_ALLOWED: HttpError("method_not_allowed", "Method Not Allowed"),
    HTTPStatus.NOT_ACCEPTABLE: HttpError(
        "not_acceptable", "available as {media_types}", {"media_types": "application/json, text/csv"}
    ),
    HTTPStatus.PRECONDITION_FAILED: HttpError(
        "precondition_failed", "the resource does not meet the conditions in the request's headers"
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: HttpError(
        "payload_too_large", "the body is larger than {max_bytes} bytes", {"max_bytes": 64_000}
    ),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: HttpError(
        "unsupported_media_type", "the body must be JSON: send it with Content-Type: application/json"
    ),
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: HttpError(
        "range_not_satisfiable", "the file has {size} bytes", {"size": 14401672}
    ),
    HTTPStatus.MISDIRECTED_REQUEST: HttpError(
        "misdirected_request",
        "this service is not known as {host}: ACTIVATION_LAB_ALLOWED_HOSTS names its hosts",
        {"host": "elsewhere.example"},
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: HttpError(
        "invalid_request",
        "{pointer}: {message}",
        {
            "pointer": "/epochs",
            "message": "Input should be less than or equal to 1000",
            "rule": "less_than_equal",
            "limit": 1000,
        },
    ),
    HTTPStatus.TOO_MANY_REQUESTS: HttpError(
        "too_many_requests", "{reason}", {"reason": "this key allows 6000 requests a minute"}
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: HttpError(
        "internal_error", "internal error: the service's log has the details under this request's id"
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: HttpError("not_ready", "{reason}", {"reason": str(errors.BrokerUnavailable())}),
}
INVALID = HTTP_ERRORS[HTTPStatus.UNPROCESSABLE_ENTITY]


class FieldProblem(BaseModel):
    pointer: str = Field(
        description="JSON pointer into the body, or /name of a parameter.", examples=[INVALID.example["pointer"]]
    )
    message: str = Field(description="What is wrong with it.", examples=[INVALID.example["message"]])
    rule: str = Field(description="The rule that it breaks, for a program.", examples=[INVALID.example["rule"]])
    limit: float | int | None = Field(
        None, description="The bound of that rule; absent where it has none.", examples=[INVALID.example["limit"]]
    )
    column: int | None = Field(
        None, description="Where in a formula it is, from 1; absent in anything else.", examples=[7]
    )


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="Always about:blank; `code` tells errors apart.", examples=["about:blank"])
    title: str = Field(description="The status in words.", examples=["Unprocessable Entity"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(description="What went wrong, for a person.", examples=["epochs: must be at most 1000"])
    instance: str = Field(description="The path of the request.", examples=["/v1/jobs"])
    code: str = Field(description="What went wrong, for a program; stable.", examples=[INVALID.code])
    request_id: str | None = Field(
        None,
        description="Of this request, as in the header X-Request-ID and in the service's log.",
        examples=["a1b2"],
    )
    errors: list[FieldProblem] | None = Field(None, description="The faults, field by field, at most 20.")


class ProblemJSON(JSONResponse):
    media_type = MEDIA_TYPE

    def render(self, content: Mapping[str, Any]) -> bytes:
        return encode(content)


def encode(content: Mapping[str, Any]) -> bytes:
    """Encode whatever text it holds: half of a surrogate pair becomes a question mark."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def cut(text: str, most: int) -> str:
    """Cut text that may be as long as the request that caused it."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def make_http_error(status: int, *, headers: Mapping[str, str] | None = None, **values: object) -> HTTPException:
    """Make an error of HTTP itself, to be raised; the values fill in the template of its text."""
    return HTTPException(status, HTTP_ERRORS[status].detail.format(**values), headers)


def answer_problem(
    request: Request,
    status: int,
    detail: str,
    *,
    code: str | None = None,
    fields: list[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with an error; without a code it is the one of its status."""
    request_id = getattr(request.state, "request_id", None)
    body = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=cut(detail, MAX_DETAIL),
        instance=quote(request.scope["path"], safe="/:@!$&'()*+,;=~", errors="replace")[:MAX_INSTANCE],
        code=code or HTTP_ERRORS.get(status, HttpError("error")).code,
        request_id=request_id,
        errors=fields,
    )
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status in TEMPORARY else {}
    # The id too: the answer to a bug is made outside of the middleware that sets it.
    identity = {REQUEST_ID: request_id} if request_id else {}
    return ProblemJSON(body.model_dump(exclude_none=True), status, {**(headers or {}), **retry, **identity})
