"""A request and its answer, seen from outside: its id, its duration, its line in the log."""

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
"""Asked every few seconds: a line each would be all there is in the log."""


@dataclass(slots=True)
class Exchange:
    """A request on its way; `seconds` is 0 and `status` 500 until there is an answer."""

    scope: Scope
    method: str = field(init=False)
    """One of a known few, for a client may send any word."""
    prefix: str = field(init=False)
    began_at: float = field(default_factory=perf_counter)
    status: int = 500
    seconds: float = 0.0
    streaming: bool = False

    def __post_init__(self) -> None:
        """Both are as the request came: what answers it changes them."""
        method = str(self.scope["method"])
        self.method = method if method in METHODS else "other"
        self.prefix = self.scope.get("root_path", "")

    @property
    def route(self) -> str:
        """The path as it is declared, such as /v1/jobs/{job_id}: there is no end to the paths that clients ask for."""
        path = getattr(self.scope.get("route"), "path", None)
        if path is None:
            return mounted(self.scope, self.prefix) or "unmatched"
        # A route knows nothing of the router that includes it.
        return f"{PREFIX}{path}" if self.scope["path"].startswith(f"{self.prefix}{PREFIX}/") else str(path)


def mounted(scope: Scope, prefix: str) -> str:
    """The path of what is mounted and has answered, such as /static, which stands after the prefix."""
    return str(scope.get("root_path", "")).removeprefix(prefix)


class Observer(Protocol):
    """Who counts exchanges."""

    def began(self) -> None: ...
    def answered(self, exchange: Exchange) -> None: ...
    def closed(self, exchange: Exchange) -> None: ...


class Exchanges:
    """ASGI middleware: gives every request an id, which all it logs and its answer carry, and one line in the log.

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
        exchange = Exchange(scope)
        request_id = identify(scope)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
                exchange.status = message["status"]
                exchange.streaming = is_stream(message)
                if exchange.streaming:
                    self._answered(exchange)
            await send(message)

        for observer in self._observers:
            observer.began()
        try:
            await self._app(scope, receive, noted)
        finally:
            self._closed(exchange)

    def _answered(self, exchange: Exchange) -> None:
        exchange.seconds = perf_counter() - exchange.began_at
        for observer in self._observers:
            observer.answered(exchange)
        tell(exchange)

    def _closed(self, exchange: Exchange) -> None:
        if not exchange.streaming:
            self._answered(exchange)
        for observer in self._observers:
            observer.closed(exchange)


def identify(scope: Scope) -> str:
    """The request's id, bound to everything that is logged while it is answered, also in other threads."""
    given = Headers(scope=scope).get(REQUEST_ID, "")
    request_id = given if SANE_ID.fullmatch(given) else str(uuid7())
    clear_contextvars()
    bind_contextvars(request_id=request_id)
    scope.setdefault("state", {})["request_id"] = request_id
    return request_id


def is_stream(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/event-stream")


def tell(exchange: Exchange) -> None:
    route = exchange.route
    log.log(
        logging.DEBUG if route in PROBES else logging.INFO,
        "%s %s",
        exchange.method,
        exchange.scope["path"],
        extra={
            "method": exchange.method,
            "route": route,
            "status": exchange.status,
            "seconds": round(exchange.seconds, 6),
            "streaming": exchange.streaming,
        },
    )
