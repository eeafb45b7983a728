"""Transitions of a job between states; the caller has locked the job row."""

from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from db import events
from db.clock import after, now
from db.events import NewEvent
from db.models import Job
from jobs.state import JobState

CANCELLED_BY_REQUEST = "cancelled by request"

FINAL_EVENTS = ("state", "end")


def end(session: Session, job: Job, state: JobState, reason: str, **values: Any) -> None:  # noqa: ANN401  # columns
    attempt = job.attempt
    seq = move(session, job, state, events=len(FINAL_EVENTS), finished_at=now(), **values)
    events.emit_all(session, make_final_events(job.id, seq, attempt, state, reason))


def make_final_events(job_id: str, seq: int, attempt: int, state: JobState, reason: str) -> list[NewEvent]:
    """Make the last two events of a job; `seq` is the number of the second."""
    data = make_state_data(state, reason, attempt), {"state": state}
    return [(job_id, seq - 1 + at, kind, data[at]) for at, kind in enumerate(FINAL_EVENTS)]


def requeue(session: Session, job: Job, reason: str, *, backoff_seconds: float = 0) -> None:
    """Return the job to the queue, or cancel it if its client asked for that."""
    if job.cancel_requested_at is not None:
        end(session, job, JobState.CANCELLED, CANCELLED_BY_REQUEST)
        return
    seq = move(session, job, JobState.QUEUED, events=1, run_after=after(backoff_seconds), hint_sent_at=None)
    events.emit(session, job.id, seq, "state", make_state_data(JobState.QUEUED, reason, job.attempt))


def move(session: Session, job: Job, state: JobState, *, events: int, **values: Any) -> int:  # noqa: ANN401  # columns
    """Change the state and end the lease; returns the last of the numbers reserved for `events` new events."""
    session.flush()
    return session.execute(
        update(Job)
        .where(Job.id == job.id, Job.state == job.state)
        .values(
            state=state,
            lease_owner=None,
            lease_expires_at=None,
            epoch_progress=None,
            event_seq=Job.event_seq + events,
            **values,
        )
        .returning(Job.event_seq)
    ).scalar_one()


def make_state_data(state: JobState, reason: str, attempt: int = 0) -> dict[str, Any]:
    return {"state": state, "reason": reason, "attempt": attempt}
