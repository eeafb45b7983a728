"""Lost workers, back-off, hints and clocks that were set, on real SQLite and real PostgreSQL."""

from sqlalchemy import update

from db import jobs, queue
from db.clock import after
from db.models import Job
from db.session import Sessions
from tests.support.protocol import (
    check_lease,
    expire_lease,
    lose_lease,
    read_events,
    reap,
    record_epochs,
    start_job,
    take_due,
    try_claim,
)
from tests.support.submitting import create_job, find_job


def set_clock_back(sessions: Sessions, **columns: float) -> None:
    """Move stored times into the future, as if the clock had been set back by so many seconds."""
    values = {name: after(seconds) for name, seconds in columns.items()}
    with sessions.begin() as session:
        session.execute(update(Job).values(**values))


def test_a_job_with_a_live_lease_is_left_alone(sessions: Sessions) -> None:
    start_job(sessions)
    assert reap(sessions) == []


def test_a_lost_job_is_queued_again_and_the_crash_counted(sessions: Sessions) -> None:
    lease = start_job(sessions)
    expire_lease(sessions, lease)
    assert reap(sessions) == [lease.job_id]
    job = find_job(sessions, lease.job_id)
    assert (job.state, job.crashes, job.crashes_without_progress, job.hint_sent_at) == ("queued", 1, 1, None)


def test_a_lost_job_whose_client_cancelled_is_not_trained_again(sessions: Sessions) -> None:
    lease = start_job(sessions)
    with sessions.begin() as session:
        jobs.request_cancel(session, lease.job_id)
    expire_lease(sessions, lease)
    reap(sessions)
    assert find_job(sessions, lease.job_id).state == "cancelled"


def test_a_lost_job_says_why(sessions: Sessions) -> None:
    lease = start_job(sessions)
    reap(sessions, owned_by=lease.owner, cause="segfault")
    assert read_events(sessions, lease.job_id)[-1].data["reason"] == "worker lost: segfault"


def test_a_dead_owners_jobs_are_taken_before_the_lease_ends(sessions: Sessions) -> None:
    lost, kept = start_job(sessions), create_job(sessions)
    try_claim(sessions, kept, "worker/11")
    assert reap(sessions, owned_by="worker/1") == [lost.job_id]


def test_a_dead_workers_jobs_are_taken_from_all_its_processes(sessions: Sessions) -> None:
    ids = [create_job(sessions) for _ in range(3)]
    for job_id, owner in zip(ids, ["worker/1", "worker/2", "worker-2/1"], strict=True):
        try_claim(sessions, job_id, owner)
    assert sorted(reap(sessions, owned_by="worker")) == ids[:2]


def test_jobs_of_a_worker_are_found_by_the_beginning_of_their_owner(sessions: Sessions) -> None:
    start_job(sessions)
    with sessions.read() as session:
        assert queue.list_lease_owners(session, "worker") == ["worker/1"]
        assert queue.list_lease_owners(session, "work") == []
        assert queue.list_lease_owners(session, "worke_") == []


def test_three_crashes_without_progress_fail_the_job(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    for _ in range(3):
        lose_lease(sessions, job_id)
        reap(sessions)
    job = find_job(sessions, job_id)
    assert (job.state, job.error_code) == ("failed", "worker_crashed_repeatedly")


def test_an_epoch_between_crashes_starts_the_count_again(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    for epoch in (1, 2, 3):
        record_epochs(sessions, lose_lease(sessions, job_id), epoch)
        reap(sessions)
    job = find_job(sessions, job_id)
    assert (job.state, job.crashes, job.crashes_without_progress) == ("queued", 3, 1)


def test_a_second_crash_without_progress_waits_before_the_next_attempt(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    for _ in range(2):
        lose_lease(sessions, job_id)
        reap(sessions)
    assert try_claim(sessions, job_id) is None


def test_a_job_queued_before_the_clock_was_set_back_is_due(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    set_clock_back(sessions, run_after=7200, hint_sent_at=7200)
    with sessions.read() as session:
        assert queue.count_due(session) == 1
    assert take_due(sessions) == [job_id]
    assert try_claim(sessions, job_id) is not None


def test_the_longest_backoff_is_waited_for(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    set_clock_back(sessions, run_after=queue.LONGEST_BACKOFF_SECONDS)
    assert try_claim(sessions, job_id) is None


def test_a_lease_taken_before_the_clock_was_set_back_lasts_no_longer_than_one_taken_now(sessions: Sessions) -> None:
    lease = start_job(sessions)
    set_clock_back(sessions, lease_expires_at=7200)
    assert check_lease(sessions, lease).needs_renewal
    with sessions.begin() as session:
        queue.shorten_leases(session, lease_seconds=-1)
    assert reap(sessions) == [lease.job_id]


def test_a_lease_that_is_as_it_should_be_is_not_shortened(sessions: Sessions) -> None:
    lease = start_job(sessions)
    before = find_job(sessions, lease.job_id).lease_expires_at
    with sessions.begin() as session:
        queue.shorten_leases(session, lease_seconds=60)
    assert find_job(sessions, lease.job_id).lease_expires_at == before


def test_a_job_whose_hint_was_just_sent_is_not_due(sessions: Sessions) -> None:
    create_job(sessions)
    assert take_due(sessions) == []


def test_a_job_whose_hint_was_not_sent_is_due_once(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    with sessions.begin() as session:
        queue.mark_unsent(session, [job_id])
    assert take_due(sessions) == [job_id]
    assert take_due(sessions) == []


def test_an_old_hint_is_due_again(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    assert take_due(sessions, resend_after_seconds=-1) == [job_id]


def test_the_oldest_jobs_are_due_first(sessions: Sessions) -> None:
    ids = [create_job(sessions) for _ in range(3)]
    assert take_due(sessions, resend_after_seconds=-1, limit=2) == ids[:2]


def test_only_queued_jobs_are_counted_as_due(sessions: Sessions) -> None:
    create_job(sessions)
    start_job(sessions)
    with sessions.read() as session:
        assert queue.count_due(session) == 1
