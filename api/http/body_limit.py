"""Refuses a request body that is too large or no JSON, before it is read into memory."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import make_http_error
from api.http.routing import is_json


class BodyLimit:
    """ASGI middleware: 413 for a body of more than `max_bytes`, whether its length is declared or not.

    `larger` has other limits, each for the paths with that end. A body that is not declared as JSON is 415, also where
    none is expected: a page of another site can send any other without asking first.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, larger: Mapping[str, int]) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not has_body(headers := Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        max_bytes = self.find_limit(scope["path"])
        received, declared = 0, headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > max_bytes:
            raise make_http_error(413, max_bytes=max_bytes)
        if not is_json(Request(scope)):
            raise make_http_error(415)

        async def count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > max_bytes:
                raise make_http_error(413, max_bytes=max_bytes)
            return message

        await self._app(scope, count, send)

    def find_limit(self, path: str) -> int:
        return next((limit for end, limit in self._larger.items() if path.endswith(end)), self._max_bytes)


def has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
