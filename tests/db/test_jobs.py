"""Creating, cancelling and deleting jobs, on real SQLite and real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from db import job_list, jobs, leases
from db.checkpoints import CheckpointFile
from db.session import Sessions
from jobs.errors import Diverged, IdempotencyConflict, JobFinished, JobNotFinished, JobNotFound, TooManyJobs
from jobs.spec import JobSpec
from tests.support.figures import epoch_metrics, layer_metrics, parameter_metrics
from tests.support.protocol import read_events, start_job, try_claim
from tests.support.submitting import create_job, find_job

SPEC = JobSpec(activation="relu", epochs=3, metadata={"note": "first"})


def test_a_new_job_is_queued_with_its_first_event(sessions: Sessions) -> None:
    job = find_job(sessions, create_job(sessions, SPEC))
    assert (job.state, job.attempt, job.epochs_total, job.event_seq) == ("queued", 0, 3, 1)
    assert [(event.seq, event.kind, event.data["state"]) for event in read_events(sessions, job.id)] == [
        (1, "state", "queued")
    ]


def test_the_stored_spec_is_the_spec(sessions: Sessions) -> None:
    assert JobSpec.model_validate(find_job(sessions, create_job(sessions, SPEC)).spec) == SPEC


def test_the_same_key_and_spec_are_the_same_job(sessions: Sessions) -> None:
    first = create_job(sessions, SPEC, idempotency_key="k")
    with sessions.begin() as session:
        job, replayed = jobs.create(session, SPEC, max_unfinished=1000, idempotency_key="k")
    assert (job.id, replayed) == (first, True)


def test_the_same_key_with_another_spec_is_refused(sessions: Sessions) -> None:
    create_job(sessions, SPEC, idempotency_key="k")
    with pytest.raises(IdempotencyConflict):
        create_job(sessions, JobSpec(activation="gelu"), idempotency_key="k")


def test_two_hundred_simultaneous_requests_with_one_key_make_one_job(sessions: Sessions) -> None:
    with ThreadPoolExecutor(20) as pool:
        ids = list(pool.map(lambda _: create_job(sessions, SPEC, idempotency_key="k"), range(200)))
    assert len(set(ids)) == 1
    with sessions.read() as session:
        assert (
            len(job_list.read_page(session, job_list.Filters(), sort="created_at", limit=100, cursor=None).records) == 1
        )


def test_a_quota_of_ten_admits_ten_of_two_hundred_simultaneous_requests(sessions: Sessions) -> None:
    def attempt(_: int) -> bool:
        try:
            create_job(sessions, max_unfinished=10)
        except TooManyJobs:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(attempt, range(200))) == 10


def test_a_queued_job_is_cancelled_at_once(sessions: Sessions) -> None:
    job_id = create_job(sessions)
    with sessions.begin() as session:
        assert jobs.request_cancel(session, job_id).state == "cancelled"
    assert try_claim(sessions, job_id) is None


def test_cancelling_twice_keeps_the_first_time(sessions: Sessions) -> None:
    lease = start_job(sessions)
    times = []
    for _ in range(2):
        with sessions.begin() as session:
            times.append(jobs.request_cancel(session, lease.job_id).cancel_requested_at)
    assert times[0] == times[1] is not None


def test_a_finished_job_cannot_be_cancelled(sessions: Sessions) -> None:
    lease = start_job(sessions)
    with sessions.begin() as session:
        leases.fail(session, lease, Diverged())
    with pytest.raises(JobFinished), sessions.begin() as session:
        jobs.request_cancel(session, lease.job_id)


def test_an_ended_job_is_deleted_with_everything_of_it(sessions: Sessions) -> None:
    lease = start_job(sessions, SPEC)
    with sessions.begin() as session:
        leases.record_epoch(
            session,
            lease,
            epoch_metrics(1),
            layers=[layer_metrics()],
            checkpoint=CheckpointFile(1, 1, f"{lease.job_id}/1", "0" * 64, 10),
            parameters=[parameter_metrics()],
        )
        leases.cancel(session, lease)
    with sessions.begin() as session:
        jobs.remove(session, lease.job_id)
    with sessions.read() as session:
        for table in ("jobs", "job_metadata", "epochs", "layers", "learnt_parameters", "events", "checkpoints"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


def test_an_unfinished_job_is_not_deleted(sessions: Sessions) -> None:
    job_id = start_job(sessions).job_id
    with pytest.raises(JobNotFinished), sessions.begin() as session:
        jobs.remove(session, job_id)


def test_deleting_no_job_says_so(sessions: Sessions) -> None:
    with pytest.raises(JobNotFound), sessions.begin() as session:
        jobs.remove(session, "no-such-job")
