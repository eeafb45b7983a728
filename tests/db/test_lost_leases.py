"""Workers that lost their lease and come back: their crash is taken back."""

from concurrent.futures import ThreadPoolExecutor

from db import jobs, leases
from db.leases import Lease
from db.session import Sessions
from tests.support.protocol import claim, expire_lease, lose_lease, reap, record_epochs, start_job, try_claim
from tests.support.submitting import create_job, find_job


def come_back(sessions: Sessions, lease: Lease) -> bool:
    with sessions.begin() as session:
        return leases.take_back_crash(session, lease)


def test_a_worker_that_comes_back_from_three_suspensions_has_not_crashed(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    for _ in range(4):
        lease = lose_lease(sessions, job_id)
        reap(sessions)
        assert come_back(sessions, lease)
    job = find_job(sessions, job_id)
    assert (job.state, job.crashes, job.crashes_without_progress) == ("queued", 0, 0)
    assert try_claim(sessions, job_id) is not None, "it waits for no back-off"


def test_who_comes_back_twice_is_believed_once(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    lose_lease(sessions, job_id)
    reap(sessions)
    second = lose_lease(sessions, job_id)
    reap(sessions)
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: come_back(sessions, second), range(4))) == [False, False, False, True]
    job = find_job(sessions, job_id)
    assert (job.crashes, job.crashes_without_progress) == (1, 1)


def test_a_worker_comes_back_while_another_holds_the_job(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    suspended = lose_lease(sessions, job_id)
    reap(sessions)
    successor = claim(sessions, job_id, "worker/2")
    before = find_job(sessions, job_id)
    assert come_back(sessions, suspended)
    after_it = find_job(sessions, job_id)
    assert (after_it.state, after_it.attempt, after_it.crashes) == ("running", 2, 0)
    assert (after_it.lease_expires_at, after_it.event_seq) == (before.lease_expires_at, before.event_seq)
    record_epochs(sessions, successor, 1)


def test_a_crash_taken_back_after_an_epoch_leaves_the_crashes_since(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    suspended = lose_lease(sessions, job_id)
    reap(sessions)
    record_epochs(sessions, lose_lease(sessions, job_id), 1)
    reap(sessions)
    assert come_back(sessions, suspended)
    job = find_job(sessions, job_id)
    assert (job.crashes, job.crashes_without_progress) == (1, 1)


def test_a_worker_known_to_be_dead_cannot_come_back(sessions: Sessions) -> None:
    lease = start_job(sessions)
    reap(sessions, owned_by=lease.owner)
    assert not come_back(sessions, lease)
    assert find_job(sessions, lease.job_id).crashes == 1


def test_a_job_that_failed_meanwhile_stays_failed(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    for _ in range(3):
        last = lose_lease(sessions, job_id)
        reap(sessions)
    assert not come_back(sessions, last)
    assert (find_job(sessions, job_id).state, find_job(sessions, job_id).crashes) == ("failed", 3)


def test_a_worker_of_a_deleted_job_comes_back_to_nothing(sessions: Sessions) -> None:
    lease = start_job(sessions)
    expire_lease(sessions, lease)
    reap(sessions)
    with sessions.begin() as session:
        jobs.request_cancel(session, lease.job_id)
        jobs.remove(session, lease.job_id)
    assert not come_back(sessions, lease)
