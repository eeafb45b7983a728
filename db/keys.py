"""API keys: shown once when they are created, stored as digests."""

import secrets
from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.clock import now
from db.models import ApiKey
from jobs.errors import JobsError

LONGEST_NAME = 64


class InvalidKeyName(JobsError):
    """A key's name has 1 to 64 characters, none of which is a control character."""

    code = "invalid_key_name"


class KeyExists(JobsError):
    """There is already a key of this name."""

    code = "key_exists"


def create(session: Session, name: str) -> str:
    """Create a key and return it, the only time it can be read. Raises InvalidKeyName or KeyExists."""
    if not (name.strip() and name.isprintable() and len(name) <= LONGEST_NAME):
        raise InvalidKeyName
    key = f"al_{secrets.token_urlsafe(32)}"
    try:
        session.execute(insert(ApiKey).values(name=name, sha256=digest(key), created_at=now()))
    except IntegrityError as error:
        raise KeyExists(f"there is already a key named {name}") from error
    return key


def find_holder(session: Session, key: str) -> str | None:
    """Find the name that the key was created for; None for an unknown key."""
    return session.scalar(select(ApiKey.name).where(ApiKey.sha256 == digest(key)))


def list_names(session: Session) -> Sequence[str]:
    return session.scalars(select(ApiKey.name).order_by(ApiKey.name)).all()


def revoke(session: Session, name: str) -> bool:
    """Delete the key; returns whether there was one of this name."""
    if not name.isprintable():
        return False
    return session.execute(delete(ApiKey).where(ApiKey.name == name).returning(ApiKey.name)).one_or_none() is not None


def digest(key: str) -> str:
    # A plain digest suffices: the key is 256 random bits, which no dictionary has.
    return sha256(key.encode()).hexdigest()
