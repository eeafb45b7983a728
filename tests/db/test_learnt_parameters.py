"""Learnt parameters: written once, with their epoch or with the start, and only under the lease."""

import math

import pytest
from sqlalchemy.exc import IntegrityError

from db import history
from db.session import Sessions
from jobs.errors import Fenced, JobNotFound
from jobs.metrics import ParameterMetrics
from jobs.spec import JobSpec, Trainable
from tests.support.fake_worker import FakeWorker
from tests.support.figures import parameter_metrics
from tests.support.protocol import claim, expire_lease, reap, start_job
from tests.support.submitting import create_job

SPEC = JobSpec(activation="elu", epochs=3, trainable=Trainable(parameters=["alpha"]))
LAYERS = ("dense1", "conv1")  # not in the order of the alphabet, backwards neither


def measure(epoch: int, mean: float = 0.5) -> list[ParameterMetrics]:
    return [parameter_metrics(epoch, layer, mean=mean) for layer in LAYERS]


@pytest.fixture
def worker(sessions: Sessions) -> FakeWorker:
    return FakeWorker(sessions)


def read(sessions: Sessions, job_id: str, **chosen: int) -> list[tuple[int, str, float]]:
    with sessions.read() as session:
        return [(row.epoch, row.layer, row.mean) for row in history.read_parameters(session, job_id, **chosen)]


def test_they_are_read_by_epoch_from_the_start_and_in_the_order_of_the_layers(
    sessions: Sessions, worker: FakeWorker
) -> None:
    lease = start_job(sessions, SPEC)
    worker.start(lease, *measure(0))
    for epoch in (1, 2):
        worker.record(lease, epoch, parameters=measure(epoch))
    expected = [(epoch, layer, 0.5) for epoch in (0, 1, 2) for layer in LAYERS]
    assert read(sessions, lease.job_id) == expected
    assert read(sessions, lease.job_id, epoch=0) == expected[:2]
    assert read(sessions, lease.job_id, after_epoch=0) == expected[2:]


def test_a_value_that_is_not_finite_is_stored(sessions: Sessions, worker: FakeWorker) -> None:
    lease = start_job(sessions, SPEC)
    extreme = parameter_metrics(1, mean=math.inf, minimum=-math.inf, maximum=math.nan)
    worker.record(lease, parameters=[extreme])
    with sessions.read() as session:
        [row] = history.read_parameters(session, lease.job_id)
    assert (row.mean, row.minimum) == (math.inf, -math.inf)
    assert row.maximum is None or math.isnan(row.maximum), "SQLite stores NaN as NULL"


def test_an_epoch_recorded_again_after_a_lost_answer_has_them_once(sessions: Sessions, worker: FakeWorker) -> None:
    lease = start_job(sessions, SPEC)
    for mean in (0.5, 0.7):
        worker.record(lease, parameters=measure(1, mean))
    assert read(sessions, lease.job_id) == [(1, layer, 0.5) for layer in LAYERS]


def test_the_start_is_recorded_once_however_many_attempts_there_are(sessions: Sessions, worker: FakeWorker) -> None:
    lease = start_job(sessions, SPEC)
    for mean in (0.5, 0.7):  # the answer to the first COMMIT was lost
        worker.start(lease, *measure(0, mean))
    expire_lease(sessions, lease)
    reap(sessions)
    worker.start(claim(sessions, lease.job_id, "worker/2"), *measure(0, 0.9))
    assert read(sessions, lease.job_id) == [(0, layer, 0.5) for layer in LAYERS]


def test_a_stale_attempt_writes_none(sessions: Sessions, worker: FakeWorker) -> None:
    stale = start_job(sessions, SPEC)
    expire_lease(sessions, stale)
    reap(sessions)
    claim(sessions, stale.job_id, "worker/2")
    with pytest.raises(Fenced):
        worker.start(stale, *measure(0))
    with pytest.raises(Fenced):
        worker.record(stale, parameters=measure(1))
    assert read(sessions, stale.job_id) == []


def test_a_crash_before_the_commit_leaves_neither_the_epoch_nor_them(sessions: Sessions, worker: FakeWorker) -> None:
    lease = start_job(sessions, SPEC)
    twice = [*measure(1), *measure(1)]  # which the database refuses, after it has inserted the epoch
    with pytest.raises(IntegrityError):
        worker.record(lease, parameters=twice)
    with sessions.read() as session:
        assert history.read_epochs(session, lease.job_id) == []
    assert read(sessions, lease.job_id) == []
    worker.record(lease, parameters=measure(1))
    assert len(read(sessions, lease.job_id)) == len(LAYERS)


def test_a_job_that_learns_none_has_none_and_no_job_is_an_error(sessions: Sessions) -> None:
    assert read(sessions, create_job(sessions)) == []
    with pytest.raises(JobNotFound):
        read(sessions, "no-such-job")
