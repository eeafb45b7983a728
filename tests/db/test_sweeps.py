"""Sweeps that are cancelled: in a few statements, however many jobs they have."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, select

from db import jobs, leases, sweeps
from db.models import Job
from db.session import Sessions
from jobs.errors import SweepFinished, TrainingError
from jobs.sweep import SweepSpec
from tests.support.protocol import claim, read_events, try_claim
from tests.support.submitting import create_sweep, find_job

JOBS = 60


def create(sessions: Sessions, jobs: int = JOBS) -> tuple[str, Sequence[str]]:
    return create_sweep(
        sessions, SweepSpec(activations=["relu"], seeds=list(range(jobs)), base={"metadata": {"note": "all"}})
    )


def cancel(sessions: Sessions, sweep_id: str) -> None:
    with sessions.begin() as session:
        sweeps.request_cancel(session, sweep_id)


def list_jobs(sessions: Sessions, sweep_id: str) -> list[Job]:
    with sessions.read() as session:
        return list(session.scalars(select(Job).where(Job.sweep_id == sweep_id).order_by(Job.sweep_position)))


def list_events(sessions: Sessions, job_id: str) -> list[tuple[int, str, Any]]:
    return [(event.seq, event.kind, event.data) for event in read_events(sessions, job_id)]


def test_every_job_ends_or_is_asked_to_and_its_events_have_no_gap(sessions: Sessions) -> None:
    sweep_id, ids = create(sessions, 4)
    drained = claim(sessions, ids[0])
    with sessions.begin() as session:
        leases.release(session, drained, "drained")
    claim(sessions, ids[1])
    with sessions.begin() as session:
        jobs.request_cancel(session, ids[2])
    alone = list_events(sessions, ids[2])
    cancel(sessions, sweep_id)
    first, second, third, fourth = list_jobs(sessions, sweep_id)
    assert [job.state for job in (first, second, third, fourth)] == ["cancelled", "running", "cancelled", "cancelled"]
    assert [job.event_seq for job in (first, second, third, fourth)] == [5, 2, 3, 3]
    assert all(job.cancel_requested_at for job in (first, second, third, fourth))
    assert list_events(sessions, ids[0])[3:] == [
        (4, "state", {"state": "cancelled", "reason": "cancelled by request", "attempt": 1}),
        (5, "end", {"state": "cancelled"}),
    ]
    assert list_events(sessions, ids[3]) == list_events(sessions, ids[2]) == alone


def test_cancelling_a_sweep_again_changes_nothing(sessions: Sessions) -> None:
    sweep_id, ids = create(sessions, 2)
    claim(sessions, ids[0])
    cancel(sessions, sweep_id)
    before = [(job.cancel_requested_at, job.event_seq) for job in list_jobs(sessions, sweep_id)]
    cancel(sessions, sweep_id)
    assert [(job.cancel_requested_at, job.event_seq) for job in list_jobs(sessions, sweep_id)] == before


def test_a_sweep_that_ended_otherwise_cannot_be_cancelled(sessions: Sessions) -> None:
    sweep_id, ids = create(sessions, 1)
    lease = claim(sessions, ids[0])
    with sessions.begin() as session:
        leases.fail(session, lease, TrainingError())
    with pytest.raises(SweepFinished):
        cancel(sessions, sweep_id)


def test_claims_and_the_cancel_of_a_sweep_see_each_other(sessions: Sessions) -> None:
    sweep_id, ids = create(sessions)
    with ThreadPoolExecutor(4) as pool:
        claims = [pool.submit(try_claim, sessions, job_id) for job_id in ids]
        cancels = [pool.submit(cancel, sessions, sweep_id) for _ in range(2)]
        for done in (*claims, *cancels):
            done.result()
    for job in list_jobs(sessions, sweep_id):
        assert job.cancel_requested_at is not None
        assert job.state in {"cancelled", "running"}
        assert [seq for seq, *_ in list_events(sessions, job.id)] == list(range(1, job.event_seq + 1))


def test_a_sweep_is_made_and_cancelled_in_as_many_statements_whatever_its_size(sessions: Sessions) -> None:
    counted = [count_statements(sessions, size) for size in (2, JOBS)]
    assert counted[0] == counted[1]


def count_statements(sessions: Sessions, jobs: int) -> int:
    sent = []

    @event.listens_for(sessions.engine, "before_cursor_execute")
    def note(*arguments: Any) -> None:
        sent.append(arguments[2])

    sweep_id, _ = create(sessions, jobs)
    cancel(sessions, sweep_id)
    event.remove(sessions.engine, "before_cursor_execute", note)
    return len(sent)


def test_a_cancelled_sweeps_jobs_cannot_be_claimed(sessions: Sessions) -> None:
    sweep_id, ids = create(sessions, 1)
    cancel(sessions, sweep_id)
    assert try_claim(sessions, ids[0]) is None
    assert find_job(sessions, ids[0]).lease_owner is None
