"""Workers: each reports periodically what it does, and signs out when it ends."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import Session

from db.clock import after, now
from db.models import Worker
from db.text import make_storable

FORGOTTEN_AFTER_SECONDS = 3600.0
LONGEST_DEVICE = 255
LOST_AFTER_SECONDS = 60.0


def report(session: Session, worker_id: str, *, device: str, job_id: str | None) -> None:
    """Store that the worker is alive and what it trains; the first report registers it."""
    device = make_storable(device, longest=LONGEST_DEVICE)
    seen = update(Worker).where(Worker.id == worker_id).values(device=device, job_id=job_id, last_seen_at=now())
    if session.execute(seen.returning(Worker.id)).one_or_none() is None:
        values = {"id": worker_id, "device": device, "job_id": job_id, "started_at": now(), "last_seen_at": now()}
        session.execute(insert(Worker).values(values))


def sign_out(session: Session, prefix: str) -> None:
    """Delete the workers whose id has this prefix, and those that have not reported for an hour."""
    recent = Worker.last_seen_at.between(after(-FORGOTTEN_AFTER_SECONDS), after(FORGOTTEN_AFTER_SECONDS))
    session.execute(delete(Worker).where(Worker.id.startswith(prefix, autoescape=True) | ~recent))


def list_live(session: Session) -> Sequence[Worker]:
    """List the workers that have reported in the last minute."""
    return session.scalars(select(Worker).where(is_live()).order_by(Worker.id)).all()


def is_live() -> ColumnElement[bool]:
    """Whether a worker has reported recently; a time in the future is from before the clock was set back."""
    return Worker.last_seen_at.between(after(-LOST_AFTER_SECONDS), after(LOST_AFTER_SECONDS))
