"""Inserts jobs, with their rows in other tables, and holds the quota; the caller's transaction accepts them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, literal, select, text
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from db import events, queue, transitions
from db.clock import now
from db.events import NewEvent, Transition
from db.job_records import JobRecord, JobRow
from db.models import Job, JobMetadata, get_table
from db.owners import is_owned
from jobs.access import NOBODY
from jobs.errors import TooManyJobs
from jobs.spec import JobSpec
from jobs.state import TERMINAL, JobState
from jobs.sweep import Configuration

UNFINISHED = frozenset(JobState) - TERMINAL

QUOTA_LOCK = 7_310_578  # any number, the same in every process

ACCEPTED = "accepted"
"""The reason of a job's first state."""

JOBS, METADATA = get_table(Job), get_table(JobMetadata)
INSERT = insert(JOBS).values({name: now() for name in ("created_at", "run_after", "hint_sent_at")})
INSERT_ONE = INSERT.returning(JOBS.c.created_at)
INSERT_METADATA = insert(METADATA)
# Each state has a partial index; "state IN" both would be a scan of all jobs there ever were, under the lock.
SELECTS = [select(func.count()).where(JOBS.c.state == state) for state in sorted(UNFINISHED)]
COUNT_UNFINISHED = select(sum((count.scalar_subquery() for count in SELECTS), literal(0)))
COUNT_UNFINISHED_OF_OWNER = select(
    sum(
        (
            count.where(is_owned(JOBS.c.owner, bindparam("owner", type_=JOBS.c.owner.type))).scalar_subquery()
            for count in SELECTS
        ),
        literal(0),
    )
)
COUNT_UNFINISHED_AND_PLACE = COUNT_UNFINISHED.add_columns(queue.SELECT_POSITION.scalar_subquery())


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be inserted."""

    spec: JobSpec
    retry_of: str | None = None
    owner: str = NOBODY
    sweep_id: str | None = None
    sweep_position: int | None = None
    configuration: Configuration | None = None
    id: str = field(default_factory=lambda: str(uuid7()))


@dataclass(frozen=True, slots=True)
class Inserted:
    """A job as it was inserted: what its record needs and only the database knows."""

    job: NewJob
    spec: Mapping[str, Any]
    created_at: datetime
    accepted_at: datetime
    """When its first event was written."""

    def make_record(self, queue_position: int) -> JobRecord:
        row = JobRow(
            id=self.job.id,
            state=JobState.QUEUED,
            spec=json.dumps(self.spec),
            retry_of=self.job.retry_of,
            owner=self.job.owner,
            created_at=self.created_at,
            epochs_total=self.job.spec.epochs,
        )
        return JobRecord(row, None, [Transition(JobState.QUEUED, self.accepted_at, ACCEPTED)], queue_position)


def insert_job(session: Session, job: NewJob) -> Inserted:
    """Insert a job with its rows in other tables."""
    spec = job.spec.model_dump(mode="json")
    created_at = session.execute(INSERT_ONE, make_columns(job, spec)).scalar_one()
    add_metadata(session, {job.id: job.spec.metadata})
    return Inserted(job, spec, created_at, events.emit(session, *make_first_event(job)))


def insert_jobs(session: Session, jobs: Sequence[NewJob]) -> None:
    """Insert the jobs with their rows in other tables: one statement for each table, however many jobs there are."""
    session.execute(INSERT, [make_columns(job, job.spec.model_dump(mode="json")) for job in jobs])
    add_metadata(session, {job.id: job.spec.metadata for job in jobs})
    events.emit_all(session, map(make_first_event, jobs))


def make_columns(job: NewJob, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": job.id,
        "state": JobState.QUEUED,
        "spec": spec,
        "activation": job.spec.activation,
        "sweep_id": job.sweep_id,
        "sweep_position": job.sweep_position,
        "sweep_configuration": job.configuration and job.configuration.number,
        "sweep_values": job.configuration and dict(job.configuration.values),
        "retry_of": job.retry_of,
        "owner": job.owner,
        "attempt": 0,
        "crashes": 0,
        "crashes_without_progress": 0,
        "event_seq": 1,
        "epochs_total": job.spec.epochs,
        "epochs_done": 0,
    }


def make_first_event(job: NewJob) -> NewEvent:
    return job.id, 1, "state", transitions.make_state_data(JobState.QUEUED, ACCEPTED)


def add_metadata(session: Session, by_job: Mapping[str, Mapping[str, str]]) -> None:
    rows = [
        {"job_id": job_id, "key": key, "value": value}
        for job_id, metadata in by_job.items()
        for key, value in metadata.items()
    ]
    if rows:
        session.execute(INSERT_METADATA, rows)


def check_quota(session: Session, max_unfinished: int) -> None:
    """Count the jobs that are queued or running. Raises TooManyJobs if they are more than `max_unfinished`."""
    lock_quota(session)
    refuse_too_many(session.execute(COUNT_UNFINISHED).scalar_one(), max_unfinished)


def check_quota_and_find_position(session: Session, max_unfinished: int, job_id: str) -> int:
    """Check the quota, and find the job's place in the queue by the same statement. Raises TooManyJobs."""
    lock_quota(session)
    unfinished, position = session.execute(COUNT_UNFINISHED_AND_PLACE, {"job_id": job_id}).one()
    refuse_too_many(unfinished, max_unfinished)
    return int(position)


def check_quota_of_owner(session: Session, owner: str, max_unfinished: int | None) -> None:
    """Check the owner's own quota, after that of all and so under the same lock. Raises TooManyJobs."""
    if max_unfinished is None:
        return
    if session.execute(COUNT_UNFINISHED_OF_OWNER, {"owner": owner}).scalar_one() > max_unfinished:
        raise TooManyJobs(f"{max_unfinished} jobs of {owner} are queued or running; wait for one to end")


def lock_quota(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": QUOTA_LOCK})


def refuse_too_many(unfinished: int, max_unfinished: int) -> None:
    if unfinished > max_unfinished:
        raise TooManyJobs(f"{max_unfinished} jobs are queued or running; wait for one to end")
