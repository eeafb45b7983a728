"""Access: everybody may use the service, or the holders of API keys, each as far as the key's scope and quotas go."""

import re
from contextlib import suppress
from http import HTTPMethod, HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from api.http.open_streams import OpenStreams
from api.http.prefix import remove_prefix
from api.http.problems import RETRY_AFTER_SECONDS, make_http_error
from api.http.rates import Buckets
from db import keys, owners
from db.session import Sessions
from jobs import access
from jobs.access import EVERYBODY, Holder
from jobs.errors import DatabaseUnavailable
from runtime.settings import Settings

BEARER = HTTPBearer(
    auto_error=False,
    description="Only where the service runs with ACTIVATION_LAB_AUTH=keys: a key that `activation-lab keys create` "
    "printed, as `Authorization: Bearer al_…`. Everything needs one but the page's files, /healthz and /readyz. Jobs "
    "and sweeps of another owner are answered 404.",
)
OPEN_PATHS = frozenset({"", "/", "/healthz", "/readyz", "/static"})
PAGE_FILES = "/static/"
METRICS = "/metrics"
READING = frozenset({HTTPMethod.GET, HTTPMethod.HEAD, HTTPMethod.OPTIONS})
CALCULATION = re.compile(
    r"POST /v1/(activations/[^/]+/evaluate|activations/preview|gradients/(chain|clip|propagation))"
)
"""Requests that store nothing and occupy no worker."""
STREAM = "/stream"
FAILED_KEYS = {"capacity": 10, "per_second": 1 / RETRY_AFTER_SECONDS}
"""The wrong keys that a client may try: at first, and then in the long run."""
LOOKUPS = CapacityLimiter(8)
"""Threads that look up keys and owners, a statement each: a stream or a scrape waits behind no other request."""
IPV6_PREFIX = 64
"""Bits of an address that a client cannot choose by itself."""


class RequireKey:
    """ASGI middleware: refuses a request that its key does not permit, where the service requires keys.

    It refuses everything that is not named here, before the body is read and before the path is looked up.
    api.http.errors answers what it raises.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._failed, self._requests = Buckets(), Buckets()
        self._streams = OpenStreams()
        self._known: set[str] = set()
        """Digests of keys that were valid when they were last used: a client is never slowed with one of these."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, path, settings = Request(scope), remove_prefix(scope), scope["app"].state.settings
        if settings.auth == "none" or is_open(path, settings):
            request.state.holder = EVERYBODY
            await self._app(scope, receive, send)
            return
        key_digest, holder = await self._authenticate(request, settings)
        require_scope(holder, request.method, path)
        request.state.holder = holder
        bind_contextvars(key=holder.key)
        if path.endswith(STREAM):
            await self._stream(key_digest, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _authenticate(self, request: Request, settings: Settings) -> tuple[str, Holder]:
        """Find the digest and the holder of the request's key.

        Raises:
            HTTPException: 401 without a valid key; 429 after too many wrong ones, or too many requests with this one.
        """
        key = parse_key(request.headers.get("Authorization", ""))
        if key is None:
            raise make_unauthorized()
        key_digest, network = keys.digest(key), find_network(request)
        known = key_digest in self._known
        if not known and not self._failed.take(network, **FAILED_KEYS):  # now: others may be looked up meanwhile
            raise make_http_error(HTTPStatus.TOO_MANY_REQUESTS, reason="too many wrong API keys came from this address")
        quota = settings.max_requests_per_minute
        if not self._requests.take(key_digest, capacity=quota, per_second=quota / 60):
            raise make_http_error(HTTPStatus.TOO_MANY_REQUESTS, reason=f"this key allows {quota} requests a minute")
        sessions = request.app.state.sessions
        found = await to_thread.run_sync(find_holder, sessions, key_digest, limiter=LOOKUPS)
        if found is None:
            self._known.discard(key_digest)
            raise make_unauthorized()
        if not known:
            self._known.add(key_digest)
            self._failed.put_back(network, **FAILED_KEYS)
        holder, used_recently = found
        if not used_recently:
            await run_in_threadpool(note_use, sessions, key_digest)
        return key_digest, holder

    async def _stream(self, key_digest: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a stream that ends when its key is revoked or expires; the client's next attempt is a 401.

        Raises:
            HTTPException: 429 where the key has as many open streams as it may; 401 if it is revoked before the answer.
        """
        state, began = scope["app"].state, False
        quota = state.settings.max_streams_per_key
        if self._streams.count(key_digest) >= quota:
            raise make_http_error(HTTPStatus.TOO_MANY_REQUESTS, reason=f"this key allows {quota} open streams")

        async def note(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        ended = await self._streams.serve(state.sessions, key_digest, lambda: self._app(scope, receive, note))
        if ended and not began:
            raise make_unauthorized()
        if ended:
            await send({"type": "http.response.body", "body": b""})


def is_open(path: str, settings: Settings) -> bool:
    """Whether everybody may request the path: the page itself, its files and the probes."""
    return path in OPEN_PATHS or path.startswith(PAGE_FILES) or (path == METRICS and settings.public_metrics)


def require_scope(holder: Holder, method: str, path: str) -> None:
    """Raises HTTPException: 403 where the key's scope is too small."""
    reads = method in READING or CALCULATION.fullmatch(f"{method} {path}")
    needed = access.Scope.READ if reads else access.Scope.SUBMIT
    if not holder.scope.permits(needed):
        reason = f"the scope of this API key is {holder.scope}; this needs {needed}"
        raise make_http_error(HTTPStatus.FORBIDDEN, reason=reason)


def make_unauthorized() -> HTTPException:
    return make_http_error(HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})


def parse_key(authorization: str) -> str | None:
    scheme, _, credentials = authorization.partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" and credentials.strip() else None


def find_network(request: Request) -> str:
    """Find what to tell clients apart by: the address, and of IPv6 the network, whose addresses are its client's."""
    host = request.client.host if request.client else ""
    with suppress(ValueError):
        address = ip_address(host)
        if address.version == 6:
            return str(ip_network((address, IPV6_PREFIX), strict=False))
    return host


def find_holder(sessions: Sessions, key_digest: str) -> tuple[Holder, bool] | None:
    with sessions.read() as session:
        return keys.find_holder(session, key_digest)


def note_use(sessions: Sessions, key_digest: str) -> None:
    with suppress(DatabaseUnavailable), sessions.begin() as session:  # the request matters more
        keys.note_use(session, key_digest)


async def read_holder(request: Request) -> Holder:
    holder: Holder = request.state.holder
    return holder


RequestHolder = Annotated[Holder, Depends(read_holder)]


async def read_visible_owner(holder: RequestHolder) -> str | None:
    return holder.sees


VisibleOwner = Annotated[str | None, Depends(read_visible_owner)]
"""The owner of the jobs and sweeps that the request may see; None = everybody's."""


async def refuse_others(request: Request, owner: VisibleOwner) -> None:
    """Refuse a path that names a job or a sweep of another owner. Raises JobNotFound or SweepNotFound, as for none."""
    named = request.path_params
    if owner is not None and ("job_id" in named or "sweep_id" in named):
        await to_thread.run_sync(check_owner, request.app.state.sessions, owner, named, limiter=LOOKUPS)


def check_owner(sessions: Sessions, owner: str, named: dict[str, str]) -> None:
    with sessions.read() as session:
        owners.refuse_others(session, owner, named)
