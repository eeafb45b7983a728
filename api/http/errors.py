"""Every error as application/problem+json (RFC 9457), translated here and nowhere else."""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.request_log import REQUEST_ID
from api.http.validation import REFUSED
from jobs import errors
from jobs.pointers import resolvable, to_pointer

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

STATUS: Mapping[type[errors.JobsError], HTTPStatus] = {
    errors.JobNotFound: HTTPStatus.NOT_FOUND,
    errors.CheckpointNotFound: HTTPStatus.NOT_FOUND,
    errors.JobFinished: HTTPStatus.CONFLICT,
    errors.SweepNotFound: HTTPStatus.NOT_FOUND,
    errors.SweepFinished: HTTPStatus.CONFLICT,
    errors.JobNotFinished: HTTPStatus.CONFLICT,
    errors.NoCheckpoint: HTTPStatus.CONFLICT,
    errors.NoWorkerAnswered: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.InvalidCursor: HTTPStatus.BAD_REQUEST,
    errors.IdempotencyConflict: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooManyJobs: HTTPStatus.TOO_MANY_REQUESTS,
    errors.DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DatabaseBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DiskFull: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.DiskFailed: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.BrokerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StorageUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

CODES: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "malformed_request",
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.NOT_ACCEPTABLE: "not_acceptable",
    HTTPStatus.PRECONDITION_FAILED: "precondition_failed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "payload_too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "range_not_satisfiable",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid_request",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "not_ready",
}

TOO_MANY = "Input should be less than or equal to 1000"
DETAILS: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "the body is not JSON",
    HTTPStatus.UNAUTHORIZED: "an API key is needed: Authorization: Bearer <key>",
    HTTPStatus.NOT_FOUND: "there is no such name",
    HTTPStatus.NOT_ACCEPTABLE: "available as application/json, text/csv",
    HTTPStatus.PRECONDITION_FAILED: "it is no longer as the request's conditions have it",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is larger than 4000000 bytes",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "the body must be JSON: send it with Content-Type: application/json",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "the file has 14401672 bytes",
    HTTPStatus.UNPROCESSABLE_ENTITY: f"/epochs: {TOO_MANY}",
    HTTPStatus.SERVICE_UNAVAILABLE: "The broker cannot be reached.",
}
RETRY_AFTER = {"description": "Seconds to wait before the next attempt.", "schema": {"type": "integer"}, "example": 5}


class FieldProblem(BaseModel):
    pointer: str = Field(description="JSON pointer into the body, or /name of a parameter.", examples=["/epochs"])
    message: str = Field(description="What is wrong with it.", examples=["Input should be less than or equal to 1000"])


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="Always about:blank; `code` tells errors apart.", examples=["about:blank"])
    title: str = Field(description="The status in words.", examples=["Unprocessable Entity"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(description="What went wrong, for a person.", examples=["epochs: must be at most 1000"])
    instance: str = Field(description="The path of the request.", examples=["/v1/jobs"])
    code: str = Field(description="What went wrong, for a program; stable.", examples=["invalid_request"])
    request_id: str | None = Field(
        None,
        description="Of this request, as in the header X-Request-ID and in the service's log.",
        examples=["a1b2"],
    )
    errors: list[FieldProblem] | None = Field(None, description="Field by field, where fields are at fault.")


def declared(*declarations: int | type[errors.JobsError]) -> dict[int | str, dict[str, Any]]:
    """For an endpoint's `responses`: these errors, with an example a code; a status is the framework's own error."""
    found: dict[int | str, dict[str, Any]] = {}
    kinds = (errors.DiskFull, errors.DiskFailed) if errors.DatabaseUnavailable in declarations else ()
    for error in (*declarations, *kinds):
        status = error if isinstance(error, int) else STATUS[error]
        code, detail = (CODES[error], DETAILS[error]) if isinstance(error, int) else (error.code, str(error()))
        response = found.setdefault(int(status), described(status))
        response["content"][MEDIA_TYPE]["examples"][code] = {"summary": detail, "value": example(status, code, detail)}
    return found


def described(status: int) -> dict[str, Any]:
    headers = {"headers": {"Retry-After": RETRY_AFTER}} if status in {429, 503} else {}
    return {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"examples": {}}}, **headers}


def example(status: int, code: str, detail: str) -> dict[str, Any]:
    """Of a problem, but for its `instance`, which api/http/openapi.py knows."""
    fields = {"errors": [{"pointer": "/epochs", "message": TOO_MANY}]} if code == CODES[422] else {}
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        **fields,
    }


def install(app: FastAPI) -> None:
    app.add_exception_handler(errors.JobsError, on_jobs_error)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(Exception, on_bug)


class Errors:
    """ASGI middleware: answers what middleware inside of it raises, and bugs, as far as nothing has been answered yet.

    Starlette answers a bug too, and then raises it on to the server, which closes the connection unannounced: the
    client's next request on it would be lost. An answer that has begun is cut off, for the client to notice.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def noted(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if began or scope["type"] != "http":
                raise
            response = answer(Request(scope), error)
            await response(scope, receive, send)


def answer(request: Request, error: Exception) -> Response:
    if isinstance(error, errors.JobsError):
        return on_jobs_error(request, error)
    if isinstance(error, HTTPException):
        return on_http_exception(request, error)
    return on_bug(request, error)


class ProblemJSON(JSONResponse):
    """Can be written whatever text it holds: half of a surrogate pair becomes a question mark."""

    media_type = MEDIA_TYPE

    def render(self, content: Mapping[str, Any]) -> bytes:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    code: str | None = None,
    fields: list[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    request_id = getattr(request.state, "request_id", None)
    body = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=quote(request.scope["path"], safe="/:@!$&'()*+,;=~", errors="replace"),
        code=code or CODES.get(status, "error"),
        request_id=request_id,
        errors=fields,
    )
    # The header too: the answer to a bug is made outside of the middleware that sets it.
    identified = {**(headers or {}), **({REQUEST_ID: request_id} if request_id else {})}
    return ProblemJSON(body.model_dump(exclude_none=True), status, identified)


def on_jobs_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.JobsError)  # noqa: S101  # what the handler is registered for
    status = STATUS.get(type(error))
    if status is None:
        return on_bug(request, error)
    passing = status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if passing else None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("%s %s: %s", request.method, request.url.path, error.__cause__ or error)
    return problem(request, status, str(error), code=error.code, headers=headers)


def on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # what the handler is registered for
    found = error.errors()
    if any(entry["loc"] == ("body",) for entry in found) and "json" not in request.headers.get("Content-Type", ""):
        detail = "the body must be JSON: send it with Content-Type: application/json"
        return problem(request, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    fields = [FieldProblem(pointer=pointer(entry, error.body), message=entry["msg"]) for entry in found]
    detail = "; ".join(": ".join(filter(None, (field.pointer, field.message))) for field in fields[:3])
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, fields=fields)


def on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # what the handler is registered for
    if error.status_code == HTTPStatus.NO_CONTENT:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return problem(request, error.status_code, error.detail, headers=error.headers)


def on_bug(request: Request, error: Exception) -> Response:
    log.error("%s %s met a bug", request.method, request.url.path, exc_info=error)
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "the service met a bug; its log has the details")


def pointer(entry: Mapping[str, Any], body: Any) -> str:  # noqa: ANN401  # whatever a client sent
    """The JSON pointer of a validation error; parts that only name a branch of a union are left out."""
    place, *parts = entry["loc"]
    if place != "body" or entry["type"] == REFUSED:
        return to_pointer(parts)
    return to_pointer(resolvable(parts, body)) + str(entry.get("ctx", {}).get("pointer", ""))
