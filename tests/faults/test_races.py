"""A client and a worker that want the same job at the same moment, on connections of their own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any

import pytest

from db import jobs, leases, queue
from db.leases import Lease
from db.session import Sessions
from jobs.errors import Fenced, JobFinished
from jobs.state import JobState
from tests.faults.workers import SPEC, find, submit
from tests.support.figures import EPOCH, TEST
from tests.support.invariants import read_history, violations

ROUNDS = 25


def at_once(*acts: Callable[[], Any]) -> None:
    gate = Barrier(len(acts))

    def join(act: Callable[[], Any]) -> None:
        gate.wait(10)
        act()

    with ThreadPoolExecutor(len(acts)) as pool:
        for future in [pool.submit(join, act) for act in acts]:
            future.result()


def cancelling(sessions: Sessions, job_id: str) -> Callable[[], None]:
    def cancel() -> None:
        with suppress(JobFinished), sessions.begin() as session:
            jobs.request_cancel(session, job_id)

    return cancel


def claimed(sessions: Sessions, job_id: str) -> Lease | None:
    with sessions.begin() as session:
        claim = leases.claim(session, job_id, "worker/1", lease_seconds=60)
    return claim.lease if claim else None


def in_training(sessions: Sessions) -> tuple[str, Lease]:
    job_id = submit(sessions, {**SPEC, "epochs": 1})
    lease = claimed(sessions, job_id)
    assert lease is not None
    with sessions.begin() as session:
        leases.record_epoch(session, lease, EPOCH)
    return job_id, lease


def finishing(sessions: Sessions, verb: Callable[..., None], lease: Lease, *arguments: Any) -> Callable[[], None]:
    def finish() -> None:
        with suppress(Fenced), sessions.begin() as session:
            verb(session, lease, *arguments)

    return finish


def reaping(sessions: Sessions) -> Callable[[], None]:
    def reap() -> None:
        with sessions.begin() as session:
            queue.reap(session, owned_by="worker/1")

    return reap


def settle(sessions: Sessions, job_id: str) -> None:
    """Bring a job that is still wanted to its end."""
    while find(sessions, job_id).finished_at is None:
        lease = claimed(sessions, job_id)
        assert lease is not None
        finishing(sessions, leases.succeed, lease, TEST)()


def reference(sessions: Sessions) -> list[Any]:

    job_id, lease = in_training(sessions)
    finishing(sessions, leases.succeed, lease, TEST)()
    return read_history(sessions, job_id)


@pytest.mark.parametrize("verb", [leases.succeed, leases.release, leases.cancel])
def test_a_cancel_that_races_the_end_leaves_one_end(sessions: Sessions, verb: Callable[..., None]) -> None:
    arguments = {leases.succeed: [TEST], leases.release: ["drained"], leases.cancel: []}[verb]
    expected, ends = reference(sessions), [JobState.SUCCEEDED, JobState.CANCELLED]
    for _ in range(ROUNDS):
        job_id, lease = in_training(sessions)
        at_once(cancelling(sessions, job_id), finishing(sessions, verb, lease, *arguments), reaping(sessions))
        settle(sessions, job_id)
        assert violations(sessions, job_id, expected, ends=ends) == []


def test_a_cancel_that_races_the_claim_is_heard(sessions: Sessions) -> None:
    for _ in range(ROUNDS):
        job_id = submit(sessions)
        at_once(cancelling(sessions, job_id), lambda job_id=job_id: claimed(sessions, job_id))
        job = find(sessions, job_id)
        assert job.cancel_requested_at is not None
        assert job.state in {JobState.CANCELLED, JobState.RUNNING}


def test_of_many_workers_with_the_same_hint_one_gets_the_job(sessions: Sessions) -> None:
    job_id = submit(sessions)
    taken: list[Lease | None] = []
    at_once(*[lambda: taken.append(claimed(sessions, job_id))] * 8)
    assert len([lease for lease in taken if lease]) == 1
    assert find(sessions, job_id).attempt == 1
