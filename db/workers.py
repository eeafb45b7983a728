"""Which workers there are: they sign in, report what they do, and sign out."""

from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from db.clock import after, now
from db.models import Worker

FORGOTTEN_AFTER_SECONDS = 3600.0


def sign_in(session: Session, worker_id: str, *, device: str) -> None:
    """Make the worker known; those not heard of for an hour are forgotten."""
    session.execute(
        delete(Worker).where((Worker.id == worker_id) | (Worker.last_seen_at < after(-FORGOTTEN_AFTER_SECONDS)))
    )
    session.execute(
        insert(Worker).values(id=worker_id, device=device, job_id=None, started_at=now(), last_seen_at=now())
    )


def report(session: Session, worker_id: str, *, job_id: str | None) -> None:
    session.execute(update(Worker).where(Worker.id == worker_id).values(job_id=job_id, last_seen_at=now()))


def sign_out(session: Session, worker_id: str) -> None:
    session.execute(delete(Worker).where(Worker.id == worker_id))
