"""Headers of proxies in front of the service: the client, host, scheme and path prefix of a request."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.http import prefix
from api.http.own_site import HOST
from runtime.settings import InvalidRootPath, normalize_root_path


class ForwardedHeaders(ProxyHeadersMiddleware):
    """ASGI middleware, around all others: uvicorn's, with X-Forwarded-Host and X-Forwarded-Prefix.

    Like X-Forwarded-For and X-Forwarded-Proto, they are taken from trusted addresses alone. Without the last, the
    prefix is the setting's. It makes no difference whether a proxy strips it from the path.
    """

    def __init__(self, app: ASGIApp, *, trusted: str, root_path: str) -> None:
        super().__init__(app, trusted_hosts=trusted)  # type: ignore[arg-type]  # uvicorn has types of its own
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]  # as above
        if scope["type"] != "http":
            await self.app(scope, receive, send)  # type: ignore[arg-type]
            return
        path = self._root_path
        if scope.get("client") and scope["client"][0] in self.trusted_hosts:
            headers = Headers(scope=scope)
            path = read_prefix(headers) or path
            take_host(scope, headers)
        place_below(scope, path)
        token = prefix.current.set(path)
        try:
            await super().__call__(scope, receive, redirect_here(send))  # type: ignore[arg-type]
        finally:
            prefix.current.reset(token)


def read_prefix(headers: Headers) -> str | None:
    """Read X-Forwarded-Prefix; of several proxies, the outermost writes its own first."""
    said = ",".join(headers.getlist("x-forwarded-prefix"))
    try:
        return "".join(normalize_root_path(part.strip()) for part in said.split(","))
    except InvalidRootPath:
        return None


def take_host(scope: Scope, headers: Headers) -> None:
    """Put the host that a proxy tells before the one that was received: the first is read, both have to be ours."""
    host = headers.get("x-forwarded-host", "").partition(",")[0].strip()
    if HOST.fullmatch(host):
        scope["headers"] = [(b"host", host.encode()), *scope["headers"]]


def place_below(scope: Scope, root_path: str) -> None:
    """Set the scope's `root_path` and begin its path with it, as ASGI requires."""
    scope["root_path"] = root_path
    if not f"{scope['path']}/".startswith(f"{root_path}/"):
        scope["path"] = root_path + scope["path"]
        if "raw_path" in scope:
            scope["raw_path"] = root_path.encode() + scope["raw_path"]


def redirect_here(send: Send) -> Send:
    """Redirect to a path alone: the host in the router's redirect of a trailing slash may be a proxy's."""

    async def send_here(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 307:
            headers = MutableHeaders(scope=message)
            headers["Location"] = remove_host(headers["Location"])
        await send(message)

    return send_here


def remove_host(url: str) -> str:
    """Remove scheme and host from an absolute URL, unless its path begins with two slashes, as a host does."""
    path = re.sub(r"^https?://[^/]*", "", url)
    return url if path.startswith("//") else path
