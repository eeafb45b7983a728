"""Answers HEAD wherever there is GET and OPTIONS everywhere, and names every method of a path in Allow (RFC 9110)."""

from collections.abc import Iterator, Sequence

from anyio import CancelScope
from starlette.datastructures import MutableHeaders
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import make_http_error

ROUTED = ("DELETE", "GET", "PATCH", "POST", "PUT")
GET_ONLY_HEADERS = (b"range", b"if-range")
WHOLE_SERVICE = "*"
ENCODED_SLASH = b"%2f"
"""A character of a name (RFC 3986, 2.2), which no name of ours has; decoded it would lead to another path."""


class Methods:
    """ASGI middleware around the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif ENCODED_SLASH in scope.get("raw_path", b"").lower():
            raise make_http_error(404)
        elif scope["method"] == "HEAD":
            await self.answer_head(scope, receive, send)
        elif scope["method"] == "OPTIONS" and (allow := list_allowed(scope)):
            await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", allow.encode())]})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, add_allow({**scope}, send))

    async def answer_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as GET, without the body, and without waiting for one that is streamed and may have no end.

        The headers describe the whole: ranges are defined for GET alone (14.2).
        """
        original = {**scope}
        scope["method"] = "GET"
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in GET_ONLY_HEADERS]
        with CancelScope() as rest:

            async def send_head(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await send(message)
                    await send({"type": "http.response.body", "body": b""})
                    if "content-length" not in MutableHeaders(scope=message):
                        rest.cancel()

            await self._app(scope, receive, add_allow(original, send_head))


def add_allow(original: Scope, send: Send) -> Send:
    """Set Allow in a 405: the router names the methods of the first route that has the path, not of all."""

    async def send_with_allow(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 405:
            MutableHeaders(scope=message)["Allow"] = list_allowed(original)
        await send(message)

    return send_with_allow


def list_allowed(scope: Scope) -> str:
    """List the methods of the request's path, as Allow has them; empty where there is no such path."""
    routes = scope["app"].routes
    anywhere = scope["path"] == WHOLE_SERVICE
    found = [method for method in ROUTED if anywhere or has_route(routes, {**scope, "method": method})]
    return ", ".join([*add_head(found), "OPTIONS"] if found else [])


def has_route(routes: Sequence[BaseRoute], scope: Scope) -> bool:
    matching = (route for route in routes if route.matches({**scope})[0] is Match.FULL)
    return any(scope["method"] == "GET" or not isinstance(route, Mount) for route in matching)  # files are mounted


def add_head(methods: Sequence[str]) -> Iterator[str]:
    for method in methods:
        yield method
        if method == "GET":
            yield "HEAD"
