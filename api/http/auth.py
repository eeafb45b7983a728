"""Authentication: everybody may use the service, or holders of an API key."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.prefix import is_below
from api.http.problems import make_http_error
from db import keys
from db.idempotency import NOBODY
from db.session import Sessions

BEARER = HTTPBearer(
    auto_error=False,
    description="Only where the service runs with ACTIVATION_LAB_AUTH=keys: a key that `activation-lab keys create` "
    "printed, as `Authorization: Bearer al_…`. It reaches everything under /v1; /healthz and /readyz need none.",
)


class RequireKey:
    """ASGI middleware: refuses a request under /v1 without a known key, where the service requires one.

    It acts before the body is read and before the path is looked up. api.http.errors answers what it raises.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_below(scope, "/v1"):
            request = Request(scope)
            request.state.key_holder = await authorize(request)
        await self._app(scope, receive, send)


async def authorize(request: Request) -> str:
    """Find the name of the API key that the request came with; NOBODY where the service requires none.

    Raises:
        HTTPException: 401 without a known key, where the service requires one.
    """
    state = request.app.state
    if state.settings.auth == "none":
        return NOBODY
    key = parse_key(request.headers.get("Authorization", ""))
    name = None if key is None else await run_in_threadpool(find_holder, state.sessions, key)
    if name is None:
        raise make_http_error(401, headers={"WWW-Authenticate": "Bearer"})
    return name


def parse_key(authorization: str) -> str | None:
    scheme, _, credentials = authorization.partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" and credentials.strip() else None


def find_holder(sessions: Sessions, key: str) -> str | None:
    with sessions.read() as session:
        return keys.find_holder(session, key)


async def read_holder(request: Request) -> str:
    name: str = request.state.key_holder
    return name


KeyHolder = Annotated[str, Depends(read_holder)]
