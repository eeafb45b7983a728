"""API keys: shown once when they are created, stored as digests."""

import secrets
from collections.abc import Collection, Sequence
from hashlib import sha256

from sqlalchemy import delete, false, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.clock import after, now
from db.models import ApiKey
from jobs.access import Holder, Scope
from jobs.errors import JobsError

LONGEST_NAME = 64
USE_NOTED_EVERY_SECONDS = 60.0

IS_VALID = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now())
USED_RECENTLY = func.coalesce(
    # a time in the future is from before the clock was set back
    ApiKey.last_used_at.between(after(-USE_NOTED_EVERY_SECONDS), after(USE_NOTED_EVERY_SECONDS)),
    false(),
)


class InvalidKeyName(JobsError):
    """A key's name, and its owner's, has 1 to 64 characters, none of which is a control character."""

    code = "invalid_key_name"


class KeyExists(JobsError):
    """There is already a key of this name."""

    code = "key_exists"


def create(
    session: Session,
    name: str,
    *,
    owner: str | None = None,
    scope: Scope = Scope.SUBMIT,
    expires_after_seconds: float | None = None,
) -> str:
    """Create a key and return it, the only time it can be read; its owner is its own name unless another is given.

    Raises:
        InvalidKeyName: the name or the owner cannot be stored, or shown in a line.
        KeyExists: there is already a key of this name.
    """
    owner = name if owner is None else owner
    if not (is_name(name) and is_name(owner)):
        raise InvalidKeyName
    key = f"al_{secrets.token_urlsafe(32)}"
    expires_at = None if expires_after_seconds is None else after(expires_after_seconds)
    values = {"name": name, "sha256": digest(key), "owner": owner, "scope": scope, "expires_at": expires_at}
    try:
        session.execute(insert(ApiKey).values(**values, created_at=now()))
    except IntegrityError as error:
        raise KeyExists(f"there is already a key named {name}") from error
    return key


def is_name(text: str) -> bool:
    return bool(text.strip()) and text.isprintable() and len(text) <= LONGEST_NAME


def find_holder(session: Session, key_digest: str) -> tuple[Holder, bool] | None:
    """Find the holder of a key by its digest, and whether its last use was noted a short while ago.

    None for a key that is unknown or has expired. How long the search takes depends on the digest, which tells nothing
    about the key; it is compared nowhere else.
    """
    statement = select(ApiKey.name, ApiKey.owner, ApiKey.scope, USED_RECENTLY)
    row = session.execute(statement.where(ApiKey.sha256 == key_digest, IS_VALID)).one_or_none()
    if row is None:
        return None
    name, owner, scope, used_recently = row
    return Holder(name, owner, Scope(scope)), bool(used_recently)


def note_use(session: Session, key_digest: str) -> None:
    """Note that the key is used now, unless another request just did."""
    session.execute(update(ApiKey).where(ApiKey.sha256 == key_digest, ~USED_RECENTLY).values(last_used_at=now()))


def find_valid(session: Session, digests: Collection[str]) -> set[str]:
    """Find which of these digests still belong to a key."""
    return {*session.scalars(select(ApiKey.sha256).where(ApiKey.sha256.in_(digests), IS_VALID))}


def list_all(session: Session) -> Sequence[ApiKey]:
    """List the keys, expired ones too, by name."""
    return session.scalars(select(ApiKey).order_by(ApiKey.name)).all()


def revoke(session: Session, name: str) -> bool:
    """Delete the key; returns whether there was one of this name."""
    if not name.isprintable():
        return False
    return session.execute(delete(ApiKey).where(ApiKey.name == name).returning(ApiKey.name)).one_or_none() is not None


def digest(key: str) -> str:
    # A plain digest suffices: the key is 256 random bits, which no dictionary has.
    return sha256(key.encode()).hexdigest()
