"""Who may use the service: everybody, or whoever has an API key."""

from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.dependencies import Sessions, Settings
from db import keys

bearer = HTTPBearer(
    auto_error=False,
    description="Only where the service runs with ACTIVATION_LAB_AUTH=keys: a key that `activation-lab keys create` "
    "printed, as `Authorization: Bearer al_…`. It reaches everything under /v1; /healthz and /readyz need none.",
)


def authorized(
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)], settings: Settings, sessions: Sessions
) -> None:
    """Raises HTTPException: 401 without a key that is known, where the service wants one."""
    if settings.auth == "none":
        return
    if given is not None:
        with sessions.read() as session:
            if keys.accepts(session, given.credentials):
                return
    raise HTTPException(401, "an API key is needed: Authorization: Bearer <key>", {"WWW-Authenticate": "Bearer"})
