"""Checkpoints: which ones are kept, and the paths of their files."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import BindParameter, bindparam, delete, select
from sqlalchemy.orm import Session

from db import jobs
from db.models import Checkpoint, Job, get_table
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


def list_files(session: Session) -> Sequence[CheckpointFile]:
    """List the files of every job's checkpoints."""
    columns = (getattr(Checkpoint, field.name) for field in fields(CheckpointFile))
    return [CheckpointFile(*row) for row in session.execute(select(*columns))]


FILES = get_table(Checkpoint)
JOB_ID: BindParameter[str] = bindparam("job_id")
NEWEST = select(FILES.c.epoch).where(FILES.c.job_id == JOB_ID).order_by(FILES.c.epoch.desc())
BEST = select(Job.best_epoch).where(Job.id == JOB_ID)
DELETE_STALE = (
    delete(FILES)
    .where(
        FILES.c.job_id == JOB_ID,
        FILES.c.epoch < NEWEST.offset(KEPT - 1).limit(1).scalar_subquery(),
        FILES.c.epoch.is_distinct_from(BEST.scalar_subquery()),
    )
    .returning(FILES.c.path)
)


def forget_stale(session: Session, job_id: str) -> list[str]:
    """Delete the rows of all but the last two and the best; returns the paths of files to delete after it."""
    return [*session.execute(DELETE_STALE, {"job_id": job_id}).scalars()]
