"""The verbs of the protocol and their guards, on real SQLite and real PostgreSQL."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError

from db import checkpoints, events, job_list, jobs, leases, queue, workers
from db.checkpoints import CheckpointFile
from db.clock import after
from db.leases import Claim, Lease
from db.models import Event, Job, Worker
from db.session import Sessions
from jobs.errors import (
    Diverged,
    Fenced,
    IdempotencyConflict,
    JobFinished,
    JobNotFinished,
    JobNotFound,
    TooManyJobs,
)
from jobs.metrics import EpochMetrics, Evaluation, LayerMetrics
from jobs.spec import JobSpec

SPEC = JobSpec(activation="relu", epochs=3, metadata={"note": "first"})
TEST = Evaluation(loss=0.1, accuracy=0.9, binary_accuracy=0.98)


def metrics(epoch: int, *, val_loss: float = 0.5) -> EpochMetrics:
    return EpochMetrics(
        epoch=epoch,
        loss=0.6,
        accuracy=0.7,
        binary_accuracy=0.9,
        val_loss=val_loss,
        val_accuracy=0.8,
        val_binary_accuracy=0.95,
        learning_rate=1e-3,
        epoch_seconds=2.0,
        images_per_second=1000.0,
    )


def submit(sessions: Sessions, spec: JobSpec = SPEC, **options: Any) -> str:
    with sessions.begin() as session:
        return jobs.create(session, spec, **{"max_unfinished": 1000, **options})[0].id


def claim(sessions: Sessions, job_id: str, owner: str = "worker/1") -> Claim | None:
    with sessions.begin() as session:
        return leases.claim(session, job_id, owner, lease_seconds=60)


def running(sessions: Sessions, spec: JobSpec = SPEC) -> Lease:
    claimed = claim(sessions, submit(sessions, spec))
    assert claimed is not None
    return claimed.lease


def record(sessions: Sessions, lease: Lease, *epochs: int) -> None:
    for epoch in epochs:
        with sessions.begin() as session:
            leases.record_epoch(session, lease, metrics(epoch))


def find(sessions: Sessions, job_id: str) -> Job:
    with sessions.read() as session:
        return jobs.find(session, job_id)


def events_of(sessions: Sessions, job_id: str) -> list[Event]:
    with sessions.read() as session:
        return [event for event, _ in events.read(session, job_id, after_seq=0, limit=1000)]


def expire(sessions: Sessions, lease: Lease) -> None:
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == lease.job_id).values(lease_expires_at=after(-1)))


def reap(sessions: Sessions, **options: Any) -> list[str]:
    with sessions.begin() as session:
        return queue.reap(session, **options)


# --- create ---


def test_a_new_job_is_queued_with_its_first_event(sessions: Sessions) -> None:
    job = find(sessions, submit(sessions))
    assert (job.state, job.attempt, job.epochs_total, job.event_seq) == ("queued", 0, 3, 1)
    assert [(event.seq, event.kind, event.data["state"]) for event in events_of(sessions, job.id)] == [
        (1, "state", "queued")
    ]


def test_the_stored_spec_is_the_spec(sessions: Sessions) -> None:
    assert JobSpec.model_validate(find(sessions, submit(sessions)).spec) == SPEC


def test_the_same_key_and_spec_are_the_same_job(sessions: Sessions) -> None:
    first = submit(sessions, idempotency_key="k")
    with sessions.begin() as session:
        job, replayed = jobs.create(session, SPEC, max_unfinished=1000, idempotency_key="k")
    assert (job.id, replayed) == (first, True)


def test_the_same_key_with_another_spec_is_refused(sessions: Sessions) -> None:
    submit(sessions, idempotency_key="k")
    with pytest.raises(IdempotencyConflict):
        submit(sessions, JobSpec(activation="gelu"), idempotency_key="k")


def test_two_hundred_simultaneous_requests_with_one_key_make_one_job(sessions: Sessions) -> None:
    with ThreadPoolExecutor(20) as pool:
        ids = list(pool.map(lambda _: submit(sessions, idempotency_key="k"), range(200)))
    assert len(set(ids)) == 1
    with sessions.read() as session:
        assert (
            len(job_list.read_page(session, job_list.Filters(), sort="created_at", limit=100, cursor=None).records) == 1
        )


def test_a_quota_of_ten_admits_ten_of_two_hundred_simultaneous_requests(sessions: Sessions) -> None:
    def attempt(_: int) -> bool:
        try:
            submit(sessions, max_unfinished=10)
        except TooManyJobs:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(attempt, range(200))) == 10


# --- claim ---


def test_a_claim_takes_the_job_and_raises_the_attempt(sessions: Sessions) -> None:
    job_id = submit(sessions)
    claimed = claim(sessions, job_id)
    assert claimed == Claim(Lease(job_id, "worker/1", 1), SPEC, epochs_done=0)
    assert find(sessions, job_id).state == "running"


def test_a_doubled_hint_claims_nothing(sessions: Sessions) -> None:
    job_id = submit(sessions)
    claim(sessions, job_id)
    assert claim(sessions, job_id, "worker/2") is None


def test_of_many_simultaneous_claims_one_succeeds(sessions: Sessions) -> None:
    job_id = submit(sessions)
    with ThreadPoolExecutor(10) as pool:
        claims = list(pool.map(lambda n: claim(sessions, job_id, f"worker/{n}"), range(20)))
    assert sum(claimed is not None for claimed in claims) == 1


def test_a_hint_for_no_job_claims_nothing(sessions: Sessions) -> None:
    assert claim(sessions, "no-such-job") is None


def test_a_job_is_not_claimed_before_its_time(sessions: Sessions) -> None:
    job_id = submit(sessions)
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(run_after=after(60)))
    assert claim(sessions, job_id) is None


# --- epochs ---


def test_an_epoch_moves_the_job_on(sessions: Sessions) -> None:
    lease = running(sessions)
    with sessions.begin() as session:
        leases.record_epoch(session, lease, metrics(1, val_loss=0.5))
    with sessions.begin() as session:
        leases.record_epoch(session, lease, metrics(2, val_loss=0.7))
    job = find(sessions, lease.job_id)
    assert (job.epochs_done, job.best_epoch, job.best_val_loss, job.epoch_seconds) == (2, 1, 0.5, 2.0)
    assert [(event.seq, event.kind) for event in events_of(sessions, lease.job_id)][2:] == [(3, "epoch"), (4, "epoch")]


def test_recording_an_epoch_again_after_a_lost_answer_changes_nothing(sessions: Sessions) -> None:
    lease = running(sessions)
    record(sessions, lease, 1, 1)
    job = find(sessions, lease.job_id)
    assert (job.epochs_done, job.event_seq) == (1, 3)


def test_an_epoch_cannot_be_skipped(sessions: Sessions) -> None:
    with pytest.raises(Fenced):
        record(sessions, running(sessions), 2)


def test_a_zombie_cannot_record(sessions: Sessions) -> None:
    zombie = running(sessions)
    record(sessions, zombie, 1)
    expire(sessions, zombie)
    reap(sessions)
    claim(sessions, zombie.job_id, "worker/2")
    with pytest.raises(Fenced):
        record(sessions, zombie, 2)


def test_a_zombie_of_the_same_process_cannot_record(sessions: Sessions) -> None:
    """Only the attempt tells the two leases apart."""
    zombie = running(sessions)
    expire(sessions, zombie)
    reap(sessions)
    claim(sessions, zombie.job_id, zombie.owner)
    with pytest.raises(Fenced):
        record(sessions, zombie, 1)


def test_a_zombie_does_not_take_the_new_holders_epoch_for_its_own(sessions: Sessions) -> None:
    zombie = running(sessions)
    expire(sessions, zombie)
    reap(sessions)
    claimed = claim(sessions, zombie.job_id, "worker/2")
    assert claimed is not None
    record(sessions, claimed.lease, 1)
    with pytest.raises(Fenced):
        record(sessions, zombie, 1)


def test_all_checkpoints_but_the_last_two_and_the_best_are_forgotten(sessions: Sessions) -> None:
    lease = running(sessions, JobSpec(activation="relu", epochs=5))
    for epoch, val_loss in enumerate([0.9, 0.1, 0.5, 0.5, 0.5], start=1):
        with sessions.begin() as session:
            checkpoint = CheckpointFile(epoch, 1, f"{lease.job_id}/{epoch}", "0" * 64, 10)
            leases.record_epoch(session, lease, metrics(epoch, val_loss=val_loss), checkpoint=checkpoint)
    with sessions.begin() as session:
        assert sorted(checkpoints.forget_stale(session, lease.job_id)) == [
            f"{lease.job_id}/{epoch}" for epoch in (1, 3)
        ]
    with sessions.read() as session:
        assert [row.epoch for row in checkpoints.list_kept(session, lease.job_id)] == [5, 4, 2]


# --- diagnoses ---


def layers(epoch: int, *, dead_fraction: float = 0.0, gradient_norm: float = 0.1) -> list[LayerMetrics]:
    conv2 = LayerMetrics(epoch, "conv2", gradient_norm, 0.01, 0.2, 0.3, 0.4, dead_fraction, 0.1, 0.0)
    return [conv2, LayerMetrics(epoch, "dense2", 0.1, 0.01, None, None, None, None, None, 0.0)]


def record_layers(sessions: Sessions, lease: Lease, epoch: int, **figures: float) -> None:
    with sessions.begin() as session:
        leases.record_epoch(session, lease, metrics(epoch), layers=layers(epoch, **figures))


def test_a_diagnosis_is_told_once_right_after_its_epoch(sessions: Sessions) -> None:
    lease = running(sessions)
    record_layers(sessions, lease, 1)
    record_layers(sessions, lease, 2, dead_fraction=0.5)
    record_layers(sessions, lease, 3, dead_fraction=0.6)
    told = [(event.seq, event.kind) for event in events_of(sessions, lease.job_id)]
    assert told[2:] == [(3, "epoch"), (4, "epoch"), (5, "diagnosis"), (6, "epoch")]
    data = events_of(sessions, lease.job_id)[4].data
    assert (data["code"], data["layer"], data["epoch"]) == ("dead_units", "conv2", 2)
    assert (data["evidence"], data["thresholds"]) == ({"dead_fraction": 0.5}, {"dead_fraction": 0.25})
    job = find(sessions, lease.job_id)
    assert job.event_seq == 6
    assert job.diagnoses == [{**data, "until_epoch": None}]


def test_several_diagnoses_of_one_epoch_are_numbered_without_a_gap(sessions: Sessions) -> None:
    lease = running(sessions)
    record_layers(sessions, lease, 1, dead_fraction=0.5, gradient_norm=50.0)
    record_layers(sessions, lease, 2)
    told = events_of(sessions, lease.job_id)
    assert [event.seq for event in told] == [1, 2, 3, 4, 5, 6]
    assert [event.data["code"] for event in told if event.kind == "diagnosis"] == ["exploding_gradient", "dead_units"]
    known = find(sessions, lease.job_id).diagnoses
    assert known is not None
    assert [record["until_epoch"] for record in known] == [1, 1]


def test_a_lost_answer_tells_no_diagnosis_twice(sessions: Sessions) -> None:
    lease = running(sessions)
    for _ in range(2):
        record_layers(sessions, lease, 1, dead_fraction=0.5)
    assert [event.kind for event in events_of(sessions, lease.job_id)].count("diagnosis") == 1


def test_another_attempt_knows_what_was_told(sessions: Sessions) -> None:
    lease = running(sessions)
    record_layers(sessions, lease, 1, dead_fraction=0.5)
    expire(sessions, lease)
    reap(sessions)
    claimed = claim(sessions, lease.job_id, "worker/2")
    assert claimed is not None
    record_layers(sessions, claimed.lease, 2, dead_fraction=0.5)
    assert [event.kind for event in events_of(sessions, lease.job_id)].count("diagnosis") == 1


@pytest.mark.parametrize("norm", [math.inf, math.nan])
def test_a_gradient_that_is_not_finite_is_told_of(sessions: Sessions, norm: float) -> None:
    lease = running(sessions)
    record_layers(sessions, lease, 1, gradient_norm=norm)
    data = events_of(sessions, lease.job_id)[-1].data
    assert (data["code"], data["evidence"]["gradient_norm"]) == ("exploding_gradient", None)
    assert data["non_finite"]["/evidence/gradient_norm"] == str(norm)


# --- ends ---


def test_a_job_succeeds_with_all_its_epochs_and_one_end(sessions: Sessions) -> None:
    lease = running(sessions)
    record(sessions, lease, 1, 2, 3)
    with sessions.begin() as session:
        leases.succeed(session, lease, TEST)
    job = find(sessions, lease.job_id)
    assert (job.state, job.test_accuracy, job.lease_owner) == ("succeeded", 0.9, None)
    seen = events_of(sessions, lease.job_id)
    assert [event.seq for event in seen] == list(range(1, 8))
    assert [event.kind for event in seen][-2:] == ["state", "end"]


def test_finishing_again_after_a_lost_answer_changes_nothing(sessions: Sessions) -> None:
    lease = running(sessions)
    record(sessions, lease, 1, 2, 3)
    for _ in range(2):
        with sessions.begin() as session:
            leases.succeed(session, lease, TEST)
    assert find(sessions, lease.job_id).event_seq == 7


def test_a_job_cannot_succeed_with_epochs_missing(sessions: Sessions) -> None:
    lease = running(sessions)
    record(sessions, lease, 1, 2)
    with pytest.raises(Fenced), sessions.begin() as session:
        leases.succeed(session, lease, TEST)


def test_a_failed_job_names_its_error_and_keeps_its_epochs(sessions: Sessions) -> None:
    lease = running(sessions)
    record(sessions, lease, 1)
    with sessions.begin() as session:
        leases.fail(session, lease, Diverged("the loss became nan"))
    job = find(sessions, lease.job_id)
    assert (job.state, job.error_code, job.error_message, job.epochs_done) == (
        "failed",
        "diverged",
        "the loss became nan",
        1,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "state = 'running'",
        "state = 'succeeded', finished_at = created_at",
        "state = 'failed', finished_at = created_at",
        "finished_at = created_at",
        "state = 'paused'",
        "lease_owner = 'somebody'",
        "epochs_done = 99",
    ],
)
def test_the_database_refuses_what_the_protocol_forbids(sessions: Sessions, wrong: str) -> None:
    submit(sessions)
    with pytest.raises(IntegrityError), sessions.begin() as session:
        session.execute(text(f"UPDATE jobs SET {wrong}"))


# --- cancel ---


def test_a_queued_job_is_cancelled_at_once(sessions: Sessions) -> None:
    job_id = submit(sessions)
    with sessions.begin() as session:
        assert jobs.request_cancel(session, job_id).state == "cancelled"
    assert claim(sessions, job_id) is None


def test_a_running_job_is_asked_to_stop(sessions: Sessions) -> None:
    lease = running(sessions)
    assert not look(sessions, lease).cancel_requested
    with sessions.begin() as session:
        assert jobs.request_cancel(session, lease.job_id).state == "running"
    assert look(sessions, lease).cancel_requested
    with sessions.begin() as session:
        leases.cancel(session, lease)
    assert find(sessions, lease.job_id).state == "cancelled"


def test_cancelling_twice_keeps_the_first_time(sessions: Sessions) -> None:
    lease = running(sessions)
    times = []
    for _ in range(2):
        with sessions.begin() as session:
            times.append(jobs.request_cancel(session, lease.job_id).cancel_requested_at)
    assert times[0] == times[1] is not None


def test_a_finished_job_cannot_be_cancelled(sessions: Sessions) -> None:
    lease = running(sessions)
    with sessions.begin() as session:
        leases.fail(session, lease, Diverged())
    with pytest.raises(JobFinished), sessions.begin() as session:
        jobs.request_cancel(session, lease.job_id)


def test_a_lost_job_whose_client_cancelled_is_not_trained_again(sessions: Sessions) -> None:
    lease = running(sessions)
    with sessions.begin() as session:
        jobs.request_cancel(session, lease.job_id)
    expire(sessions, lease)
    reap(sessions)
    assert find(sessions, lease.job_id).state == "cancelled"


# --- delete ---


def test_an_ended_job_is_deleted_with_everything_of_it(sessions: Sessions) -> None:
    lease = running(sessions)
    with sessions.begin() as session:
        leases.record_epoch(
            session, lease, metrics(1), checkpoint=CheckpointFile(1, 1, f"{lease.job_id}/1", "0" * 64, 10)
        )
        leases.cancel(session, lease)
    with sessions.begin() as session:
        jobs.remove(session, lease.job_id)
    with sessions.read() as session:
        for table in ("jobs", "job_metadata", "epochs", "events", "checkpoints"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


def test_an_unfinished_job_is_not_deleted(sessions: Sessions) -> None:
    job_id = running(sessions).job_id
    with pytest.raises(JobNotFinished), sessions.begin() as session:
        jobs.remove(session, job_id)


def test_deleting_no_job_says_so(sessions: Sessions) -> None:
    with pytest.raises(JobNotFound), sessions.begin() as session:
        jobs.remove(session, "no-such-job")


# --- leases ---


def test_a_heartbeat_renews_the_lease(sessions: Sessions) -> None:
    lease = running(sessions)
    before = find(sessions, lease.job_id).lease_expires_at
    with sessions.begin() as session:
        leases.heartbeat(session, lease, lease_seconds=120)
    renewed = find(sessions, lease.job_id).lease_expires_at
    assert before is not None
    assert renewed is not None
    assert renewed > before


def test_a_job_with_a_live_lease_is_left_alone(sessions: Sessions) -> None:
    running(sessions)
    assert reap(sessions) == []


def test_a_lost_job_is_queued_again_and_the_crash_counted(sessions: Sessions) -> None:
    lease = running(sessions)
    expire(sessions, lease)
    assert reap(sessions) == [lease.job_id]
    job = find(sessions, lease.job_id)
    assert (job.state, job.crashes, job.crashes_without_progress, job.hint_sent_at) == ("queued", 1, 1, None)


def test_a_released_job_is_queued_again_without_a_crash(sessions: Sessions) -> None:
    lease = running(sessions)
    with sessions.begin() as session:
        leases.release(session, lease, "draining")
    job = find(sessions, lease.job_id)
    assert (job.state, job.crashes) == ("queued", 0)


def crash(sessions: Sessions, job_id: str) -> Lease:
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(run_after=after(-1)))
    claimed = claim(sessions, job_id)
    assert claimed is not None
    expire(sessions, claimed.lease)
    return claimed.lease


def test_three_crashes_without_progress_fail_the_job(sessions: Sessions) -> None:
    job_id = submit(sessions)
    for _ in range(3):
        crash(sessions, job_id)
        reap(sessions)
    job = find(sessions, job_id)
    assert (job.state, job.error_code) == ("failed", "worker_crashed_repeatedly")


def come_back(sessions: Sessions, lease: Lease) -> bool:
    with sessions.begin() as session:
        return leases.take_back_crash(session, lease)


def test_a_worker_that_comes_back_from_three_suspensions_has_not_crashed(sessions: Sessions) -> None:
    job_id = submit(sessions)
    for _ in range(4):
        lease = crash(sessions, job_id)
        reap(sessions)
        assert come_back(sessions, lease)
    job = find(sessions, job_id)
    assert (job.state, job.crashes, job.crashes_without_progress) == ("queued", 0, 0)
    assert claim(sessions, job_id) is not None, "it waits for no back-off"


def test_who_comes_back_twice_is_believed_once(sessions: Sessions) -> None:
    job_id = submit(sessions)
    crash(sessions, job_id)
    reap(sessions)
    second = crash(sessions, job_id)
    reap(sessions)
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: come_back(sessions, second), range(4))) == [False, False, False, True]
    job = find(sessions, job_id)
    assert (job.crashes, job.crashes_without_progress) == (1, 1)


def test_a_worker_comes_back_while_another_holds_the_job(sessions: Sessions) -> None:
    job_id = submit(sessions)
    suspended = crash(sessions, job_id)
    reap(sessions)
    successor = claim(sessions, job_id, "worker/2")
    assert successor is not None
    before = find(sessions, job_id)
    assert come_back(sessions, suspended)
    after_it = find(sessions, job_id)
    assert (after_it.state, after_it.attempt, after_it.crashes) == ("running", 2, 0)
    assert (after_it.lease_expires_at, after_it.event_seq) == (before.lease_expires_at, before.event_seq)
    record(sessions, successor.lease, 1)


def test_a_crash_taken_back_after_an_epoch_leaves_the_crashes_since(sessions: Sessions) -> None:
    job_id = submit(sessions)
    suspended = crash(sessions, job_id)
    reap(sessions)
    record(sessions, crash(sessions, job_id), 1)
    reap(sessions)
    assert come_back(sessions, suspended)
    job = find(sessions, job_id)
    assert (job.crashes, job.crashes_without_progress) == (1, 1)


def test_a_worker_known_to_be_dead_cannot_come_back(sessions: Sessions) -> None:
    lease = running(sessions)
    reap(sessions, owned_by=lease.owner)
    assert not come_back(sessions, lease)
    assert find(sessions, lease.job_id).crashes == 1


def test_a_job_that_failed_meanwhile_stays_failed(sessions: Sessions) -> None:
    job_id = submit(sessions)
    for _ in range(3):
        last = crash(sessions, job_id)
        reap(sessions)
    assert not come_back(sessions, last)
    assert (find(sessions, job_id).state, find(sessions, job_id).crashes) == ("failed", 3)


def test_a_worker_of_a_deleted_job_comes_back_to_nothing(sessions: Sessions) -> None:
    lease = running(sessions)
    expire(sessions, lease)
    reap(sessions)
    with sessions.begin() as session:
        jobs.request_cancel(session, lease.job_id)
        jobs.remove(session, lease.job_id)
    assert not come_back(sessions, lease)


# --- a clock that was set ---


def shift(sessions: Sessions, **columns: float) -> None:
    """As if the clock had been set back by so many seconds since these were stored."""
    values = {name: after(seconds) for name, seconds in columns.items()}
    with sessions.begin() as session:
        session.execute(update(Job).values(**values))


def test_a_job_queued_before_the_clock_was_set_back_is_due(sessions: Sessions) -> None:
    job_id = submit(sessions)
    shift(sessions, run_after=7200, hint_sent_at=7200)
    with sessions.read() as session:
        assert queue.count_due(session) == 1
    assert due(sessions) == [job_id]
    assert claim(sessions, job_id) is not None


def test_the_longest_backoff_is_waited_for(sessions: Sessions) -> None:
    job_id = submit(sessions)
    shift(sessions, run_after=queue.LONGEST_BACKOFF_SECONDS)
    assert claim(sessions, job_id) is None


def test_a_lease_taken_before_the_clock_was_set_back_lasts_no_longer_than_one_taken_now(sessions: Sessions) -> None:
    lease = running(sessions)
    shift(sessions, lease_expires_at=7200)
    assert look(sessions, lease).needs_renewal
    with sessions.begin() as session:
        queue.shorten_leases(session, lease_seconds=-1)
    assert reap(sessions) == [lease.job_id]


def test_a_lease_that_is_as_it_should_be_is_not_shortened(sessions: Sessions) -> None:
    lease = running(sessions)
    before = find(sessions, lease.job_id).lease_expires_at
    with sessions.begin() as session:
        queue.shorten_leases(session, lease_seconds=60)
    assert find(sessions, lease.job_id).lease_expires_at == before


@pytest.mark.parametrize(("seconds", "renewed"), [(-7200, True), (20, True), (55, False), (7200, True)])
def test_a_worker_renews_a_lease_that_ends_at_another_time_than_it_thinks(
    sessions: Sessions, seconds: float, *, renewed: bool
) -> None:
    lease = running(sessions)
    shift(sessions, lease_expires_at=seconds)
    assert look(sessions, lease).needs_renewal is renewed


def look(sessions: Sessions, lease: Lease) -> leases.LeaseStatus:
    with sessions.read() as session:
        return leases.check(session, lease, lease_seconds=60, heartbeat_seconds=10)


@pytest.mark.parametrize(("seen", "listed"), [(-7200, False), (-10, True), (7200, False)])
def test_a_worker_last_seen_in_another_time_is_not_listed(sessions: Sessions, seen: float, *, listed: bool) -> None:
    with sessions.begin() as session:
        workers.report(session, "worker/1", device="cpu", job_id=None)
        session.execute(update(Worker).values(last_seen_at=after(seen)))
        assert bool(workers.list_live(session)) is listed
        workers.report(session, "worker/1", device="cpu", job_id=None)
        assert workers.list_live(session)


def test_an_epoch_between_crashes_starts_the_count_again(sessions: Sessions) -> None:
    job_id = submit(sessions)
    for epoch in (1, 2, 3):
        record(sessions, crash(sessions, job_id), epoch)
        reap(sessions)
    job = find(sessions, job_id)
    assert (job.state, job.crashes, job.crashes_without_progress) == ("queued", 3, 1)


def test_a_second_crash_without_progress_waits_before_the_next_attempt(sessions: Sessions) -> None:
    job_id = submit(sessions)
    for _ in range(2):
        crash(sessions, job_id)
        reap(sessions)
    assert claim(sessions, job_id) is None


def test_a_dead_owners_jobs_are_taken_before_the_lease_ends(sessions: Sessions) -> None:
    lost, kept = running(sessions), submit(sessions)
    claim(sessions, kept, "worker/11")
    assert reap(sessions, owned_by="worker/1") == [lost.job_id]


def test_a_dead_workers_jobs_are_taken_from_all_its_processes(sessions: Sessions) -> None:
    ids = [submit(sessions) for _ in range(3)]
    for job_id, owner in zip(ids, ["worker/1", "worker/2", "worker-2/1"], strict=True):
        claim(sessions, job_id, owner)
    assert sorted(reap(sessions, owned_by="worker")) == ids[:2]


def test_a_lost_job_says_why(sessions: Sessions) -> None:
    lease = running(sessions)
    reap(sessions, owned_by=lease.owner, cause="segfault")
    assert events_of(sessions, lease.job_id)[-1].data["reason"] == "worker lost: segfault"


def test_jobs_of_a_worker_are_found_by_the_beginning_of_their_owner(sessions: Sessions) -> None:
    running(sessions)
    with sessions.read() as session:
        assert queue.list_lease_owners(session, "worker") == ["worker/1"]
        assert queue.list_lease_owners(session, "work") == []
        assert queue.list_lease_owners(session, "worke_") == []


# --- hints ---


def due(sessions: Sessions, **options: Any) -> list[str]:
    with sessions.begin() as session:
        return queue.take_due(session, **{"resend_after_seconds": 15, "limit": 100, **options})


def test_a_job_whose_hint_was_just_sent_is_not_due(sessions: Sessions) -> None:
    submit(sessions)
    assert due(sessions) == []


def test_a_job_whose_hint_was_not_sent_is_due_once(sessions: Sessions) -> None:
    job_id = submit(sessions)
    with sessions.begin() as session:
        queue.mark_unsent(session, [job_id])
    assert due(sessions) == [job_id]
    assert due(sessions) == []


def test_an_old_hint_is_due_again(sessions: Sessions) -> None:
    job_id = submit(sessions)
    assert due(sessions, resend_after_seconds=-1) == [job_id]


def test_the_oldest_jobs_are_due_first(sessions: Sessions) -> None:
    ids = [submit(sessions) for _ in range(3)]
    assert due(sessions, resend_after_seconds=-1, limit=2) == ids[:2]


def test_only_queued_jobs_are_counted_as_due(sessions: Sessions) -> None:
    submit(sessions)
    running(sessions)
    with sessions.read() as session:
        assert queue.count_due(session) == 1
