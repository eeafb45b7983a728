"""Jobs as clients see them, each with its rows in other tables: read as columns, which is cheaper than objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, Text, and_, bindparam, cast, select
from sqlalchemy.orm import Session

from db import events, queue
from db.events import Transition
from db.models import Epoch, Job, get_table
from jobs.access import NOBODY
from jobs.errors import JobNotFound
from jobs.metrics import EPOCH_FIGURES
from jobs.state import JobState


class JobRow(NamedTuple):
    """The columns of a job that its clients see; AS_STORED is JSON with its keys in any order."""

    id: str
    state: str
    spec: str
    created_at: datetime
    epochs_total: int
    epochs_done: int = 0
    attempt: int = 0
    sweep_id: str | None = None
    retry_of: str | None = None
    owner: str = NOBODY
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    epoch_seconds: float | None = None
    epoch_progress: Mapping[str, Any] | None = None
    best_epoch: int | None = None
    best_val_loss: float | None = None
    best_val_accuracy: float | None = None
    diagnoses: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    test_binary_accuracy: float | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job with its rows in other tables."""

    job: JobRow
    latest: Mapping[str, Any] | None
    """The figures of its last epoch, as EPOCH_FIGURES names them."""
    transitions: Sequence[Transition]
    queue_position: int | None
    """1 = the next to be claimed; None unless queued."""

    @property
    def id(self) -> str:
        return self.job.id


JOBS, EPOCHS = get_table(Job), get_table(Epoch)
FIELDS = [JOBS.c[name] for name in JobRow._fields]
AS_STORED = {"spec", "diagnoses", "environment"}
COLUMNS = [cast(column, Text) if column.name in AS_STORED else column for column in FIELDS]
LAST = and_(EPOCHS.c.job_id == JOBS.c.id, EPOCHS.c.epoch == JOBS.c.epochs_done)
SELECT = select(*COLUMNS, *(EPOCHS.c[name] for name in EPOCH_FIGURES)).outerjoin_from(JOBS, EPOCHS, LAST)
"""Selects jobs for `add_related`, each with its last epoch."""
SELECT_ONE = SELECT.where(JOBS.c.id == bindparam("job_id"))


def find_record(session: Session, job_id: str) -> JobRecord:
    """Find the job with its related rows. Raises JobNotFound."""
    row = session.execute(SELECT_ONE, {"job_id": job_id}).one_or_none()
    if row is None:
        raise JobNotFound(f"there is no job {job_id}")
    return add_related(session, [row])[0]


def add_related(session: Session, rows: Sequence[Row[*tuple[Any, ...]]]) -> list[JobRecord]:
    """Read what belongs to the jobs in these rows of SELECT: two statements at most, however many jobs there are."""
    jobs = [JobRow(*row[: len(COLUMNS)]) for row in rows]
    transitions = events.read_transitions(session, [job.id for job in jobs])
    positions = queue.find_positions(session, [job.id for job in jobs if job.state == JobState.QUEUED])
    return [
        JobRecord(job, name_figures(row[len(COLUMNS) :]), transitions[job.id], positions.get(job.id))
        for job, row in zip(jobs, rows, strict=True)
    ]


def name_figures(figures: Sequence[Any]) -> Mapping[str, Any] | None:
    """Name the figures of an epoch; None where the job has none yet."""
    latest = dict(zip(EPOCH_FIGURES, figures, strict=True))
    return None if latest["epoch"] is None else latest
