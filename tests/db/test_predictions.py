"""Prediction requests and answers in SQL, on real SQLite and real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from db import jobs, predictions
from db.clock import after
from db.models import Prediction
from db.predictions import Answer, PredictionRequest
from db.session import Sessions
from jobs.errors import JobNotFound, NoCheckpoint
from jobs.spec import JobSpec
from tests.support.fake_worker import FakeWorker
from tests.support.submitting import create_job

IMAGE = [[0.5] * 28] * 28


@pytest.fixture
def job_id(sessions: Sessions) -> str:
    """Of a job with checkpoints after epochs 1 and 2."""
    worker = FakeWorker(sessions)
    lease = worker.claim(create_job(sessions))
    for epoch in (1, 2):
        worker.checkpoint(lease, epoch)
    return lease.job_id


def ask(sessions: Sessions, job_id: str) -> str:
    with sessions.begin() as session:
        return predictions.submit(session, job_id, IMAGE)


def take(sessions: Sessions, prediction_id: str | None = None) -> list[PredictionRequest]:
    with sessions.begin() as session:
        return predictions.take(session, prediction_id)


def age(sessions: Sessions, **columns: float) -> None:
    """Move times of all predictions back by so many seconds."""
    with sessions.begin() as session:
        values = {name: after(-seconds) for name, seconds in columns.items()}
        session.execute(update(Prediction).values(values))


def find(sessions: Sessions, prediction_id: str) -> Prediction | None:
    with sessions.read() as session:
        return predictions.find(session, prediction_id)


def test_a_request_holds_all_that_a_worker_needs(sessions: Sessions, job_id: str) -> None:
    (request,) = take(sessions, ask(sessions, job_id))
    assert (request.job_id, request.spec["activation"], request.image) == (job_id, "relu", IMAGE)
    assert [checkpoint.epoch for checkpoint in request.checkpoints] == [2, 1]


def test_a_request_is_taken_once_but_again_from_a_process_that_may_be_dead(sessions: Sessions, job_id: str) -> None:
    prediction_id = ask(sessions, job_id)
    assert len(take(sessions, prediction_id)) == 1
    assert take(sessions, prediction_id) == []
    age(sessions, taken_at=4)
    assert len(take(sessions, prediction_id)) == 1


def test_processes_that_train_leave_a_new_request_to_idle_ones(sessions: Sessions, job_id: str) -> None:
    with sessions.begin() as session:
        predictions.submit(session, job_id, IMAGE)
        assert not predictions.is_waiting(session)
    age(sessions, created_at=1)
    with sessions.begin() as session:
        assert predictions.is_waiting(session)
    assert len(take(sessions)) == 1
    assert take(sessions) == []
    with sessions.begin() as session:
        assert not predictions.is_waiting(session)


def test_many_requests_are_taken_a_few_at_a_time_the_oldest_first(sessions: Sessions, job_id: str) -> None:
    asked = [ask(sessions, job_id) for _ in range(20)]
    age(sessions, created_at=1)
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: [request.id for request in take(sessions)], range(4)))
    assert sorted(request_id for some in taken for request_id in some) == asked
    assert all(len(some) <= 8 for some in taken)


def test_the_first_answer_stays(sessions: Sessions, job_id: str) -> None:
    prediction_id = ask(sessions, job_id)
    with sessions.begin() as session:
        predictions.answer(session, prediction_id, Answer(epoch=2, probabilities=[0.1] * 10))
        predictions.answer(session, prediction_id, Answer(error_code="no_checkpoint"))
    row = find(sessions, prediction_id)
    assert row is not None
    assert (row.epoch, row.probabilities, row.error_code) == (2, [0.1] * 10, None)
    assert take(sessions, prediction_id) == []


def test_answering_what_was_withdrawn_changes_nothing(sessions: Sessions, job_id: str) -> None:
    prediction_id = ask(sessions, job_id)
    with sessions.begin() as session:
        predictions.withdraw(session, prediction_id)
        predictions.answer(session, prediction_id, Answer(epoch=2, probabilities=[0.1] * 10))
    assert find(sessions, prediction_id) is None


def test_what_nobody_withdrew_is_forgotten_in_the_end(sessions: Sessions, job_id: str) -> None:
    old = ask(sessions, job_id)
    age(sessions, created_at=601)
    new = ask(sessions, job_id)
    with sessions.begin() as session:
        predictions.delete_expired(session)
    assert (find(sessions, old), find(sessions, new) is not None) == (None, True)


def test_only_a_job_with_a_checkpoint_can_be_asked(sessions: Sessions) -> None:
    with pytest.raises(JobNotFound), sessions.begin() as session:
        predictions.submit(session, "nonsense", IMAGE)
    with sessions.begin() as session:
        job = jobs.create(session, JobSpec(activation="relu"), max_unfinished=10)[0]
    with pytest.raises(NoCheckpoint), sessions.begin() as session:
        predictions.submit(session, job.id, IMAGE)


def test_a_request_goes_with_its_job(sessions: Sessions, job_id: str) -> None:
    prediction_id = ask(sessions, job_id)
    with sessions.begin() as session:
        session.delete(jobs.find(session, job_id))
    assert find(sessions, prediction_id) is None
