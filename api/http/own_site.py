"""Keeps out the requests that a foreign site makes a visitor's browser send."""

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problems import make_http_error

HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
DEFAULT_PORT = re.compile(r":(80|443)$")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
OWN_PAGE = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site. Another port of this host is same-site, and a stranger."""
EXPOSED = ("Content-Disposition", "ETag", "Idempotency-Replayed", "Location", "Repr-Digest", "Retry-After")


class OwnSite:
    """ASGI middleware: 421 to a Host that is not the service's, 403 to an unsafe request of another site's page.

    A page can let its own name point at this machine (DNS rebinding): it is then of the same origin as the service, but
    its Host gives it away. A page can also send a form anywhere: every browser tells then where it comes from. A
    request that tells nothing comes from no browser.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], origins: Collection[str]) -> None:
        self._app = app
        self._hosts = hosts
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.check(scope)
        await self._app(scope, receive, send)

    def check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        for host in headers.getlist("host"):  # the one that a proxy tells, and the one that was received
            if not self.is_own_host(host, scope):
                raise make_http_error(421, host=host)
        if scope["method"] not in SAFE_METHODS and not self.is_own_request(headers):
            sender = headers.get("origin", "another site")
            reason = f"a page of {sender} may not send this; ACTIVATION_LAB_CORS_ORIGINS names those that may"
            raise make_http_error(403, reason=reason)

    def is_own_host(self, host: str, scope: Scope) -> bool:
        """Whether it is a loopback name, a name of the settings, or the address at which the connection arrived."""
        found = HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].strip("[]").rstrip(".").lower()
        if name == "localhost" or name in self._hosts:
            return True
        address = parse_address(name)
        return address is not None and (
            address.is_loopback
            or address.is_unspecified
            or address == parse_address((scope.get("server") or ("",))[0] or "")
        )

    def is_own_request(self, headers: Headers) -> bool:
        """Whether a page of this service sent it, or of an origin of the settings, or no browser at all."""
        origin = headers.get("origin")
        if origin in self._origins:
            return True
        if (site := headers.get("sec-fetch-site")) is not None:  # sent to https:// and to loopback names alone
            return site in OWN_PAGE
        sender = origin or headers.get("referer")  # browsers of before 2020 send a form with the second alone
        return sender is None or is_on_host(sender, headers.get("host", ""))


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an IP address without its zone; an IPv4 address that arrived at an IPv6 socket is the IPv4 address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def is_on_host(url: str, host: str) -> bool:
    try:
        return DEFAULT_PORT.sub("", urlsplit(url).netloc.lower()) == DEFAULT_PORT.sub("", host.lower())
    except ValueError:
        return False


class Cors(CORSMiddleware):
    """Starlette's, for the origins of the settings; to any other the service answers as if there were none."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        super().__init__(app, tuple(origins), allow_methods=["*"], allow_headers=["*"], expose_headers=EXPOSED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and Headers(scope=scope).get("origin") in self.allow_origins:
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)
