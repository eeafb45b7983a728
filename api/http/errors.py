"""Translates every exception into a problem, here and nowhere else."""

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from anyio import BrokenResourceError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import STATUS, FieldProblem, answer_problem, cut, encode, make_http_error
from api.http.validation import REFUSED
from jobs.errors import JobsError
from jobs.pointers import resolve, to_pointer
from jobs.spec import InvalidSpec

log = logging.getLogger(__name__)

BOUNDS = ("ge", "gt", "le", "lt", "min_length", "max_length")
"""The names of a rule's bound in the context of a pydantic error."""
MAX_FIELDS = 20
MAX_FIELDS_BYTES = 4500
"""Of all fields in an answer, which has at most 8 kB: a client repairs a few faults at a time."""
MAX_POINTER = 200
MAX_MESSAGE = 300


def install(app: FastAPI) -> None:
    app.add_exception_handler(JobsError, on_jobs_error)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(InvalidSpec, on_invalid_spec)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(Exception, on_bug)


class Errors:
    """ASGI middleware: answers exceptions of the middleware inside of it, and bugs, unless an answer has begun.

    Starlette answers a bug too, and then raises it again for the server, which closes the connection unannounced: the
    client's next request on it would be lost. An answer that has begun is cut off, for the client to notice.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def note(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception as error:
            if began and is_of_a_client_that_left(error):
                return
            if began or scope["type"] != "http":
                raise
            response = answer(Request(scope), error)
            await response(scope, receive, send)


def is_of_a_client_that_left(error: Exception) -> bool:
    """Whether FastAPI's task that keeps a stream alive had an event to pass on when the client had left."""
    return isinstance(error, ExceptionGroup) and error.split(BrokenResourceError)[1] is None


def answer(request: Request, error: Exception) -> Response:
    if isinstance(error, JobsError):
        return on_jobs_error(request, error)
    if isinstance(error, HTTPException):
        return on_http_exception(request, error)
    return on_bug(request, error)


def on_jobs_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, JobsError)  # noqa: S101  # what the handler is registered for
    status = STATUS.get(type(error))
    if status is None:
        return on_bug(request, error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("%s %s: %s", request.method, request.url.path, error.__cause__ or error)
    return answer_problem(request, status, str(error), code=error.code)


def on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # what the handler is registered for
    found = error.errors()
    if any(entry["loc"] == ("body",) for entry in found) and "json" not in request.headers.get("Content-Type", ""):
        return on_http_exception(request, make_http_error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE))
    fields = fit_fields(describe_field(entry, error.body) for entry in found[:MAX_FIELDS])
    detail = "; ".join(": ".join(filter(None, (field.pointer, field.message))) for field in fields[:3])
    return answer_problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, fields=fields)


def on_invalid_spec(request: Request, error: Exception) -> Response:
    assert isinstance(error, InvalidSpec)  # noqa: S101  # what the handler is registered for
    faults = [
        {"type": "invalid_value", "loc": ("body",), "msg": message, "ctx": {"pointer": pointer}}
        for pointer, message in error.refusals.items()
    ]
    return on_invalid_request(request, RequestValidationError(faults))


def on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # what the handler is registered for
    if error.status_code == HTTPStatus.NO_CONTENT:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return answer_problem(request, error.status_code, error.detail, headers=error.headers)


def on_bug(request: Request, error: Exception) -> Response:
    log.error("%s %s failed with a bug", request.method, request.url.path, exc_info=error)
    return on_http_exception(request, make_http_error(HTTPStatus.INTERNAL_SERVER_ERROR))


def describe_field(entry: Mapping[str, Any], body: Any) -> FieldProblem:  # noqa: ANN401  # whatever a client sent
    return FieldProblem(
        pointer=cut(find_pointer(entry, body), MAX_POINTER),
        message=cut(entry["msg"], MAX_MESSAGE),
        rule=entry["type"],
        limit=find_limit(entry),
        column=entry.get("ctx", {}).get("column"),
    )


def fit_fields(fields: Iterable[FieldProblem]) -> list[FieldProblem]:
    """Take the first of them, as many as MAX_FIELDS_BYTES hold."""
    taken, size = [], 0
    for field in fields:
        size += len(encode(field.model_dump()))
        if size > MAX_FIELDS_BYTES:
            break
        taken.append(field)
    return taken


def find_limit(entry: Mapping[str, Any]) -> float | int | None:
    """Find the bound of the rule that a validation error is about."""
    context = entry.get("ctx", {})
    return next((context[name] for name in BOUNDS if name in context), None)


def find_pointer(entry: Mapping[str, Any], body: Any) -> str:  # noqa: ANN401  # whatever a client sent
    """Find the JSON pointer of a validation error; parts that only name a branch of a union are left out."""
    place, *parts = entry["loc"]
    if place != "body" or entry["type"] == REFUSED:
        return to_pointer(parts)
    return to_pointer(resolve(parts, body)) + str(entry.get("ctx", {}).get("pointer", ""))
