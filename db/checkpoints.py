"""Checkpoints: which ones are kept, and the paths of their files."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db import jobs
from db.models import Checkpoint, Job
from jobs.errors import CheckpointNotFound

KEPT = 2


def list_kept(session: Session, job_id: str) -> Sequence[Checkpoint]:
    """List the job's checkpoints, newest first. Raises JobNotFound."""
    jobs.find(session, job_id)
    return session.scalars(
        select(Checkpoint).where(Checkpoint.job_id == job_id).order_by(Checkpoint.epoch.desc())
    ).all()


def find(session: Session, job_id: str, epoch: int) -> Checkpoint:
    """Find the checkpoint written after this epoch. Raises JobNotFound or CheckpointNotFound."""
    jobs.find(session, job_id)
    found = session.get(Checkpoint, (job_id, epoch))
    if found is None:
        raise CheckpointNotFound
    return found


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    epoch: int
    attempt: int
    path: str
    """Relative to CHECKPOINTS_URL."""
    sha256: str
    size_bytes: int


def forget_stale(session: Session, job_id: str) -> list[str]:
    """Delete the rows of all but the last two and the best; returns the paths of files to delete after it."""
    rows = list_kept(session, job_id)
    best = session.scalar(select(Job.best_epoch).where(Job.id == job_id))
    stale = [row for row in rows[KEPT:] if row.epoch != best]
    for row in stale:
        session.delete(row)
    return [row.path for row in stale]
