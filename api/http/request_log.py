"""A line in the log for each request, with its id and the duration of its answer; observers count requests too."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars
from uuid_utils import uuid7

log = logging.getLogger(__name__)

REQUEST_ID = "X-Request-ID"
SANE_ID = re.compile(r"[\w.:+/=@-]{1,128}", re.ASCII)
PREFIX = "/v1"
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Requested every few seconds: a line each would be all there is in the log."""


@dataclass(slots=True)
class RequestRecord:
    """A request and, later, its answer; `seconds` is 0 and `status` 500 until there is one."""

    scope: Scope
    method: str = field(init=False)
    """One of a known few: a client may send any word."""
    prefix: str = field(init=False)
    began_at: float = field(default_factory=perf_counter)
    status: int = 500
    seconds: float = 0.0
    streaming: bool = False

    def __post_init__(self) -> None:
        """Keep both as the request came: the application changes them in the scope."""
        method = str(self.scope["method"])
        self.method = method if method in METHODS else "other"
        self.prefix = self.scope.get("root_path", "")

    @property
    def route(self) -> str:
        """The path as it is declared, such as /v1/jobs/{job_id}: the number of paths in requests is unbounded."""
        path = getattr(self.scope.get("route"), "path", None)
        if path is None:
            return mount_path(self.scope, self.prefix) or "unmatched"
        # A route knows nothing of the router that includes it.
        return f"{PREFIX}{path}" if self.scope["path"].startswith(f"{self.prefix}{PREFIX}/") else str(path)


def mount_path(scope: Scope, prefix: str) -> str:
    """The path of the mount that answered, such as /static, which stands after the prefix."""
    return str(scope.get("root_path", "")).removeprefix(prefix)


class Observer(Protocol):
    """Counts requests."""

    def on_request(self) -> None: ...
    def on_answer(self, record: RequestRecord) -> None: ...
    def on_close(self, record: RequestRecord) -> None: ...


class RequestLog:
    """ASGI middleware: gives every request an id, which its answer and all its log lines carry, and logs it once.

    The id is the client's own `X-Request-ID` if it is sane. It stays bound after an exception, for the handler outside
    of this middleware; each request has a context of its own.
    """

    def __init__(self, app: ASGIApp, observers: Sequence[Observer] = ()) -> None:
        self._app = app
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = RequestRecord(scope)
        request_id = identify(scope)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
                record.status = message["status"]
                record.streaming = is_stream(message)
                if record.streaming:
                    self.on_answer(record)
            await send(message)

        for observer in self._observers:
            observer.on_request()
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            self.on_close(record)

    def on_answer(self, record: RequestRecord) -> None:
        record.seconds = perf_counter() - record.began_at
        for observer in self._observers:
            observer.on_answer(record)
        write_line(record)

    def on_close(self, record: RequestRecord) -> None:
        if not record.streaming:
            self.on_answer(record)
        for observer in self._observers:
            observer.on_close(record)


def identify(scope: Scope) -> str:
    """Find or make the request's id, and bind it to all that is logged while it is answered, also in other threads."""
    given = Headers(scope=scope).get(REQUEST_ID, "")
    request_id = given if SANE_ID.fullmatch(given) else str(uuid7())
    clear_contextvars()
    bind_contextvars(request_id=request_id)
    scope.setdefault("state", {})["request_id"] = request_id
    return request_id


def is_stream(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/event-stream")


def write_line(record: RequestRecord) -> None:
    route = record.route
    log.log(
        logging.DEBUG if route in PROBES else logging.INFO,
        "%s %s",
        record.method,
        record.scope["path"],
        extra={
            "method": record.method,
            "route": route,
            "status": record.status,
            "seconds": round(record.seconds, 6),
            "streaming": record.streaming,
        },
    )
