"""The invariants themselves: they notice what they are there to notice."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from db.session import Sessions
from tests.faults.workers import LEARNING, submit
from tests.support.fake_worker import FakeWorker
from tests.support.figures import OUTPUT_LAYER, parameter_metrics
from tests.support.invariants import read_history, violations


def trained_by_hand(sessions: Sessions) -> str:
    worker = FakeWorker(sessions)
    lease = worker.claim(submit(sessions, LEARNING))
    worker.start(lease, parameter_metrics(0))
    for epoch in (1, 2):
        layers, parameters = [replace(OUTPUT_LAYER, epoch=epoch)], [parameter_metrics(epoch)]
        worker.record(lease, epoch, layers=layers, parameters=parameters)
    worker.succeed(lease)
    return lease.job_id


@pytest.mark.parametrize(
    "breach",
    [
        "UPDATE epochs SET loss = loss + 1e-15 WHERE epoch = 2",
        "DELETE FROM epochs WHERE epoch = 2",
        "DELETE FROM events WHERE seq = 3",
        "DELETE FROM events WHERE kind = 'end'",
        "UPDATE epochs SET attempt = 7 WHERE epoch = 1",
        "UPDATE layers SET gradient_norm = 100",
        "UPDATE learnt_parameters SET mean = mean + 1e-15 WHERE epoch = 2",
        "DELETE FROM learnt_parameters WHERE epoch = 0",
    ],
)
def test_a_breach_is_noticed(sessions: Sessions, breach: str) -> None:
    job_id = trained_by_hand(sessions)
    reference = read_history(sessions, job_id)
    assert violations(sessions, job_id, reference) == []
    with sessions.begin() as session:
        session.execute(text(breach))
    assert violations(sessions, job_id, reference) != []
