"""Who may use the service: everybody, or whoever has an API key."""

from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.dependencies import Sessions, Settings
from db import keys
from db.idempotency import NOBODY

bearer = HTTPBearer(
    auto_error=False,
    description="Only where the service runs with ACTIVATION_LAB_AUTH=keys: a key that `activation-lab keys create` "
    "printed, as `Authorization: Bearer al_…`. It reaches everything under /v1; /healthz and /readyz need none.",
)


def authorized(
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)], settings: Settings, sessions: Sessions
) -> str:
    """The name of the API key that the request came with; "" where the service asks for none.

    Raises:
        HTTPException: 401 without a key that is known, where the service wants one.
    """
    if settings.auth == "none":
        return NOBODY
    if given is not None:
        with sessions.read() as session:
            if (name := keys.holder(session, given.credentials)) is not None:
                return name
    raise HTTPException(401, "an API key is needed: Authorization: Bearer <key>", {"WWW-Authenticate": "Bearer"})


KeyHolder = Annotated[str, Depends(authorized)]
