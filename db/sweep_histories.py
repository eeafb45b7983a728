"""Histories of a sweep's jobs, read a few jobs at a time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from db.models import Epoch
from db.session import Sessions
from db.sweep_results import SweepJob

EPOCHS_AT_ONCE = 5000
Epochs = tuple[SweepJob, Sequence[Row[*tuple[Any, ...]]]]
"""A job and its epochs: the columns requested, and the job's id."""


def read(
    sessions: Sessions, jobs: Iterable[SweepJob], columns: Sequence[str], *, after_epoch: int
) -> Iterator[list[Epochs]]:
    """Read these columns of every epoch of each job that has any, in the order of the jobs, a few jobs at a time.

    Each batch is a transaction of its own, which ends before the caller goes on, however slowly. All epochs of a job
    are read by one statement: a job that is deleted meanwhile is read as a whole or not at all.
    """
    for some in split_by_epochs(jobs):
        with sessions.read() as session:
            found = read_epochs(session, [job.id for job in some], columns, after_epoch=after_epoch)
        yield [(job, found[job.id]) for job in some if job.id in found]


def split_by_epochs(jobs: Iterable[SweepJob]) -> Iterator[list[SweepJob]]:
    """Split the jobs into batches of about EPOCHS_AT_ONCE epochs."""
    some: list[SweepJob] = []
    for job in jobs:
        if some and sum(other.epochs for other in some) + job.epochs > EPOCHS_AT_ONCE:
            yield some
            some = []
        some.append(job)
    if some:
        yield some


def read_epochs(
    session: Session, job_ids: Sequence[str], columns: Sequence[str], *, after_epoch: int
) -> Mapping[str, list[Row[*tuple[Any, ...]]]]:
    statement = (
        select(*(getattr(Epoch, name) for name in columns), Epoch.job_id)
        .where(Epoch.job_id.in_(job_ids), Epoch.epoch > after_epoch)
        .order_by(Epoch.job_id, Epoch.epoch)
    )
    found: dict[str, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in session.execute(statement):
        found[row.job_id].append(row)
    return found
