"""Claims, the writes of a worker and their guards, on real SQLite and real PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from db import jobs, leases
from db.clock import after
from db.leases import Claim, Lease
from db.models import Job
from db.session import Sessions
from jobs.errors import Diverged, Fenced
from jobs.spec import JobSpec
from tests.support.figures import TEST, epoch_metrics, epoch_progress
from tests.support.protocol import (
    check_lease,
    claim,
    expire_lease,
    read_events,
    reap,
    record_epochs,
    start_job,
    try_claim,
)
from tests.support.submitting import create_job, find_job

SPEC = JobSpec(activation="relu", epochs=3)


def test_a_claim_takes_the_job_and_raises_the_attempt(sessions: Sessions) -> None:
    job_id = create_job(sessions, SPEC)
    claimed = try_claim(sessions, job_id)
    assert claimed == Claim(Lease(job_id, "worker/1", 1), SPEC, epochs_done=0)
    assert find_job(sessions, job_id).state == "running"


def test_a_doubled_hint_claims_nothing(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    try_claim(sessions, job_id)
    assert try_claim(sessions, job_id, "worker/2") is None


def test_of_many_simultaneous_claims_one_succeeds(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    with ThreadPoolExecutor(10) as pool:
        claims = list(pool.map(lambda n: try_claim(sessions, job_id, f"worker/{n}"), range(20)))
    assert sum(claimed is not None for claimed in claims) == 1


def test_a_hint_for_no_job_claims_nothing(sessions: Sessions) -> None:
    assert try_claim(sessions, "no-such-job") is None


def test_a_job_is_not_claimed_before_its_time(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(run_after=after(60)))
    assert try_claim(sessions, job_id) is None


def test_an_epoch_moves_the_job_on(sessions: Sessions) -> None:
    lease = start_job(sessions)
    with sessions.begin() as session:
        leases.record_epoch(session, lease, epoch_metrics(1, val_loss=0.5))
    with sessions.begin() as session:
        leases.record_epoch(session, lease, epoch_metrics(2, val_loss=0.7))
    job = find_job(sessions, lease.job_id)
    assert (job.epochs_done, job.best_epoch, job.best_val_loss, job.epoch_seconds) == (2, 1, 0.5, 2.0)
    assert [(event.seq, event.kind) for event in read_events(sessions, lease.job_id)][2:] == [
        (3, "epoch"),
        (4, "epoch"),
    ]


def test_recording_an_epoch_again_after_a_lost_answer_changes_nothing(sessions: Sessions) -> None:
    lease = start_job(sessions)
    record_epochs(sessions, lease, 1, 1)
    job = find_job(sessions, lease.job_id)
    assert (job.epochs_done, job.event_seq) == (1, 3)


def test_an_epoch_cannot_be_skipped(sessions: Sessions) -> None:
    with pytest.raises(Fenced):
        record_epochs(sessions, start_job(sessions), 2)


def test_a_zombie_cannot_record(sessions: Sessions) -> None:
    zombie = start_job(sessions)
    record_epochs(sessions, zombie, 1)
    expire_lease(sessions, zombie)
    reap(sessions)
    try_claim(sessions, zombie.job_id, "worker/2")
    with pytest.raises(Fenced):
        record_epochs(sessions, zombie, 2)


def test_a_zombie_of_the_same_process_cannot_record(sessions: Sessions) -> None:
    """Only the attempt tells the two leases apart."""
    zombie = start_job(sessions)
    expire_lease(sessions, zombie)
    reap(sessions)
    try_claim(sessions, zombie.job_id, zombie.owner)
    with pytest.raises(Fenced):
        record_epochs(sessions, zombie, 1)


def test_a_zombie_does_not_take_the_new_holders_epoch_for_its_own(sessions: Sessions) -> None:
    zombie = start_job(sessions)
    expire_lease(sessions, zombie)
    reap(sessions)
    claimed = claim(sessions, zombie.job_id, "worker/2")
    record_epochs(sessions, claimed, 1)
    with pytest.raises(Fenced):
        record_epochs(sessions, zombie, 1)


def test_a_job_succeeds_with_all_its_epochs_and_one_end(sessions: Sessions) -> None:
    lease = start_job(sessions, SPEC)
    record_epochs(sessions, lease, 1, 2, 3)
    with sessions.begin() as session:
        leases.succeed(session, lease, TEST)
    job = find_job(sessions, lease.job_id)
    assert (job.state, job.test_accuracy, job.lease_owner) == ("succeeded", 0.9, None)
    seen = read_events(sessions, lease.job_id)
    assert [event.seq for event in seen] == list(range(1, 8))
    assert [event.kind for event in seen][-2:] == ["state", "end"]


def test_finishing_again_after_a_lost_answer_changes_nothing(sessions: Sessions) -> None:
    lease = start_job(sessions, SPEC)
    record_epochs(sessions, lease, 1, 2, 3)
    for _ in range(2):
        with sessions.begin() as session:
            leases.succeed(session, lease, TEST)
    assert find_job(sessions, lease.job_id).event_seq == 7


def test_a_job_cannot_succeed_with_epochs_missing(sessions: Sessions) -> None:
    lease = start_job(sessions, SPEC)
    record_epochs(sessions, lease, 1, 2)
    with pytest.raises(Fenced), sessions.begin() as session:
        leases.succeed(session, lease, TEST)


def test_a_failed_job_names_its_error_and_keeps_its_epochs(sessions: Sessions) -> None:
    lease = start_job(sessions)
    record_epochs(sessions, lease, 1)
    with sessions.begin() as session:
        leases.fail(session, lease, Diverged("the loss became nan"))
    job = find_job(sessions, lease.job_id)
    assert (job.state, job.error_code, job.error_message, job.epochs_done) == (
        "failed",
        "diverged",
        "the loss became nan",
        1,
    )


def test_a_running_job_is_asked_to_stop(sessions: Sessions) -> None:
    lease = start_job(sessions)
    assert not check_lease(sessions, lease).cancel_requested
    with sessions.begin() as session:
        assert jobs.request_cancel(session, lease.job_id).state == "running"
    assert check_lease(sessions, lease).cancel_requested
    with sessions.begin() as session:
        leases.cancel(session, lease)
    assert find_job(sessions, lease.job_id).state == "cancelled"


def test_a_heartbeat_renews_the_lease(sessions: Sessions) -> None:
    lease = start_job(sessions)
    before = find_job(sessions, lease.job_id).lease_expires_at
    with sessions.begin() as session:
        leases.heartbeat(session, lease, lease_seconds=120)
    renewed = find_job(sessions, lease.job_id).lease_expires_at
    assert before is not None
    assert renewed is not None
    assert renewed > before


def report(sessions: Sessions, lease: Lease, epoch: int) -> None:
    with sessions.begin() as session:
        leases.heartbeat(session, lease, lease_seconds=60, progress=epoch_progress(epoch))


def test_a_heartbeat_stores_how_far_the_epoch_in_training_is(sessions: Sessions) -> None:
    lease = start_job(sessions)
    report(sessions, lease, 1)
    assert find_job(sessions, lease.job_id).epoch_progress == asdict(epoch_progress(1))
    with sessions.begin() as session:
        leases.heartbeat(session, lease, lease_seconds=60)
    assert find_job(sessions, lease.job_id).epoch_progress is not None, "one without progress keeps it"


def test_progress_that_was_measured_before_its_epoch_was_recorded_comes_too_late(sessions: Sessions) -> None:
    lease = start_job(sessions)
    report(sessions, lease, 1)
    record_epochs(sessions, lease, 1)
    assert find_job(sessions, lease.job_id).epoch_progress is None
    report(sessions, lease, 1)
    assert find_job(sessions, lease.job_id).epoch_progress is None


def test_a_worker_that_lost_its_job_stores_no_progress(sessions: Sessions) -> None:
    zombie = start_job(sessions)
    expire_lease(sessions, zombie)
    reap(sessions)
    claim(sessions, zombie.job_id, "worker/2")
    with pytest.raises(Fenced):
        report(sessions, zombie, 1)
    assert find_job(sessions, zombie.job_id).epoch_progress is None


@pytest.mark.parametrize("end", [leases.cancel, partial(leases.release, reason="draining")])
def test_an_attempt_takes_its_progress_along(sessions: Sessions, end: Callable[[Session, Lease], None]) -> None:
    lease = start_job(sessions)
    report(sessions, lease, 1)
    with sessions.begin() as session:
        end(session, lease)
    assert find_job(sessions, lease.job_id).epoch_progress is None


@pytest.mark.parametrize(("seconds", "renewed"), [(-7200, True), (20, True), (55, False), (7200, True)])
def test_a_worker_renews_a_lease_that_ends_at_another_time_than_it_thinks(
    sessions: Sessions, seconds: float, *, renewed: bool
) -> None:
    lease = start_job(sessions)
    with sessions.begin() as session:
        session.execute(update(Job).values(lease_expires_at=after(seconds)))
    assert check_lease(sessions, lease).needs_renewal is renewed


def test_a_released_job_is_queued_again_without_a_crash(sessions: Sessions) -> None:
    lease = start_job(sessions)
    with sessions.begin() as session:
        leases.release(session, lease, "draining")
    job = find_job(sessions, lease.job_id)
    assert (job.state, job.crashes) == ("queued", 0)
