"""Predictions on their way through SQL: the row is the request, and a worker writes the answer beside it.

A row lives as long as a client waits for it. Idle processes receive a hint; those that train poll.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, or_, select, update
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from db import checkpoints, jobs
from db.clock import after, now
from db.models import Checkpoint, Job, Prediction
from jobs.errors import JobNotFound, NoCheckpoint

RETAKE_AFTER_SECONDS = 3.0
"""A process that took a request and has not answered it by then may be dead."""
IDLE_HEAD_START_SECONDS = 0.3
"""Age of a request at which processes that train may take it."""
TAKE_BATCH = 8
EXPIRE_AFTER_SECONDS = 600.0
EXPIRE_BATCH = 200

Image = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """The data that a worker needs to answer."""

    id: str
    job_id: str
    spec: Mapping[str, Any]
    """As it is stored."""
    image: Image
    checkpoints: Sequence[Checkpoint]
    """Newest first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Either the ten probabilities and the epoch of their checkpoint, or the code of a JobsError."""

    epoch: int | None = None
    probabilities: list[float] | None = None
    error_code: str | None = None


def submit(session: Session, job_id: str, image: Image) -> str:
    """Store a request; return its id.

    Raises:
        JobNotFound: there is no such job.
        NoCheckpoint: it has none yet.
    """
    # A lock that training does not feel; only a deletion waits for it.
    job = session.get(Job, job_id, with_for_update={"read": True, "key_share": True})
    if job is None:
        raise JobNotFound(f"there is no job {job_id}")
    if not checkpoints.list_kept(session, job_id):
        raise NoCheckpoint
    values = {"id": str(uuid7()), "job_id": job_id, "image": image, "created_at": now()}
    return session.execute(insert(Prediction).values(values).returning(Prediction.id)).scalar_one()


def find(session: Session, prediction_id: str) -> Prediction | None:
    """Find the row, answered or not; None once its job is deleted."""
    return session.get(Prediction, prediction_id)


def withdraw(session: Session, prediction_id: str) -> None:
    """Delete a prediction whose client has gone."""
    session.execute(delete(Prediction).where(Prediction.id == prediction_id))


def delete_expired(session: Session) -> None:
    """Delete predictions that their API process died before withdrawing, a batch at a time."""
    expired = select(Prediction.id).where(Prediction.created_at < after(-EXPIRE_AFTER_SECONDS))
    session.execute(delete(Prediction).where(Prediction.id.in_(expired.limit(EXPIRE_BATCH))))


# --- workers ---


def is_waiting(session: Session) -> bool:
    """Return whether a request waits that no idle process has taken in its head start."""
    return session.scalar(select(Prediction.id).where(*untaken()).limit(1)) is not None


def take(session: Session, prediction_id: str | None = None) -> list[PredictionRequest]:
    """Take this request, or the oldest that idle processes have left; fewer where other processes were quicker."""
    claimable = untaken() if prediction_id is None else (Prediction.id == prediction_id, *untaken(min_age_seconds=0))
    rows = session.scalars(
        select(Prediction).where(*claimable).order_by(Prediction.id).limit(TAKE_BATCH).with_for_update(skip_locked=True)
    ).all()
    session.execute(update(Prediction).where(Prediction.id.in_([row.id for row in rows])).values(taken_at=now()))
    return [build_request(session, row) for row in rows]


def build_request(session: Session, row: Prediction) -> PredictionRequest:
    spec = jobs.find(session, row.job_id).spec
    return PredictionRequest(row.id, row.job_id, spec, row.image, checkpoints.list_kept(session, row.job_id))


def untaken(*, min_age_seconds: float = IDLE_HEAD_START_SECONDS) -> tuple[ColumnElement[bool], ...]:
    """Unanswered and not just taken; a time in the future is from before the clock was set back."""
    future = after(RETAKE_AFTER_SECONDS)
    return (
        Prediction.answered_at.is_(None),
        or_(Prediction.created_at <= after(-min_age_seconds), Prediction.created_at > future),
        or_(Prediction.taken_at.is_(None), is_abandoned(future)),
    )


def is_abandoned(future: ColumnElement[datetime]) -> ColumnElement[bool]:
    return or_(Prediction.taken_at < after(-RETAKE_AFTER_SECONDS), Prediction.taken_at > future)


def answer(session: Session, prediction_id: str, given: Answer) -> None:
    """Store the answer, unless there is one already or the client has withdrawn the request."""
    unanswered = Prediction.id == prediction_id, Prediction.answered_at.is_(None)
    session.execute(update(Prediction).where(*unanswered).values(answered_at=now(), **asdict(given)))
