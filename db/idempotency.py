"""Idempotency keys: the job or sweep that a key has created, so that the same request creates nothing more.

A key belongs to its holder, the owner of the API key that it came with, or to nobody where the service needs no key. It
stands for one request, the operation and its body, and is deleted with the job or the sweep that it created.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import ValidationError
from sqlalchemy import insert
from sqlalchemy.orm import Session

from db.models import IdempotencyKey, Job, Sweep
from jobs.errors import IdempotencyConflict
from jobs.spec import JobSpec
from jobs.sweep import SweepSpec

ANY = "relu"
"""Any activation: the base of a sweep has none."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that its client may repeat under this key."""

    holder: str
    key: str
    operation: str
    body: JobSpec | SweepSpec | None = None

    @property
    def sha256(self) -> str:
        """The digest of the operation and its body; the order of an object's keys has no meaning in JSON."""
        body = None if self.body is None else drop_defaults(self.body)
        return sha256(json.dumps([self.operation, body], sort_keys=True).encode()).hexdigest()


def drop_defaults(body: JobSpec | SweepSpec) -> dict[str, Any]:
    """Leave out values that equal their defaults, spelled out or not: a field added later changes no digest."""
    asked = body.model_dump(mode="json", exclude_defaults=True)
    if isinstance(body, SweepSpec):
        with suppress(ValidationError):  # a base that is complete only with the grid stays as it was sent
            base = drop_defaults(JobSpec.model_validate({"activation": ANY, **body.base}))
            asked["base"] = {name: value for name, value in base.items() if name != "activation"}
    return asked


def find(session: Session, request: Request) -> IdempotencyKey | None:
    """Find the key of an earlier request.

    Raises:
        IdempotencyConflict: that was another request.
    """
    row = session.get(IdempotencyKey, (request.holder, request.key))
    if row is not None and not is_same_request(session, row, request):
        raise IdempotencyConflict
    return row


def is_same_request(session: Session, row: IdempotencyKey, request: Request) -> bool:
    if row.request_sha256 is not None:
        return row.request_sha256 == request.sha256
    with suppress(ValidationError):  # a stored body that is no longer valid is not this request
        return request.body is not None and drop_defaults(request.body) == drop_defaults(load_body(session, row))
    return False


def load_body(session: Session, row: IdempotencyKey) -> JobSpec | SweepSpec:
    """Load the request of a key without a digest, which is from before migration 0007."""
    if row.job_id is not None:
        return JobSpec.model_validate(session.get_one(Job, row.job_id).spec)
    return SweepSpec.model_validate(session.get_one(Sweep, row.sweep_id).spec)


def remember(session: Session, request: Request, *, job_id: str | None = None, sweep_id: str | None = None) -> None:
    """Store what the request created. Raises IntegrityError if the key was used meanwhile."""
    values = {"holder": request.holder, "key": request.key, "request_sha256": request.sha256}
    session.execute(insert(IdempotencyKey).values(**values, job_id=job_id, sweep_id=sweep_id))
