"""Which workers there are: each reports now and then what it does, and signs out when it ends."""

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
    """Say that the worker lives and what it trains; the first report makes it known."""
    device = make_storable(device, longest=LONGEST_DEVICE)
    seen = update(Worker).where(Worker.id == worker_id).values(device=device, job_id=job_id, last_seen_at=now())
    if session.execute(seen.returning(Worker.id)).one_or_none() is None:
        values = {"id": worker_id, "device": device, "job_id": job_id, "started_at": now(), "last_seen_at": now()}
        session.execute(insert(Worker).values(values))


def sign_out(session: Session, prefix: str) -> None:
    """Forget the workers whose id begins so, and those not heard of for an hour."""
    heard_of = Worker.last_seen_at.between(after(-FORGOTTEN_AFTER_SECONDS), after(FORGOTTEN_AFTER_SECONDS))
    session.execute(delete(Worker).where(Worker.id.startswith(prefix, autoescape=True) | ~heard_of))


def list_live(session: Session) -> Sequence[Worker]:
    """Those heard of lately."""
    return session.scalars(select(Worker).where(is_live()).order_by(Worker.id)).all()


def is_live() -> ColumnElement[bool]:
    """Not in a future from which the clock was set back: who lives soon reports again."""
    return Worker.last_seen_at.between(after(-LOST_AFTER_SECONDS), after(LOST_AFTER_SECONDS))
