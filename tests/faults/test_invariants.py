"""The invariants themselves: they notice what they are there to notice."""

import pytest
from sqlalchemy import text

from db import leases
from db.session import Sessions
from jobs.metrics import EpochMetrics, Evaluation, LayerMetrics
from tests.faults.workers import submit
from tests.support.invariants import read_history, violations


def trained_by_hand(sessions: Sessions) -> str:
    job_id = submit(sessions)
    with sessions.begin() as session:
        claimed = leases.claim(session, job_id, "worker/1", lease_seconds=60)
    assert claimed is not None
    for epoch in (1, 2):
        with sessions.begin() as session:
            metrics = EpochMetrics(epoch, 0.1, 0.5, 0.9, 0.2, 0.6, 0.95, 1e-3, 2.0, 1000.0)
            layer = LayerMetrics(epoch, "dense2", 0.1, 0.01, None, None, None, None, None, 0.0)
            leases.record_epoch(session, claimed.lease, metrics, layers=[layer])
    with sessions.begin() as session:
        leases.succeed(session, claimed.lease, Evaluation(0.1, 0.9, 0.98))
    return job_id


@pytest.mark.parametrize(
    "breach",
    [
        "UPDATE epochs SET loss = loss + 1e-15 WHERE epoch = 2",
        "DELETE FROM epochs WHERE epoch = 2",
        "DELETE FROM events WHERE seq = 3",
        "DELETE FROM events WHERE kind = 'end'",
        "UPDATE epochs SET attempt = 7 WHERE epoch = 1",
        "UPDATE layers SET gradient_norm = 100",
    ],
)
def test_a_breach_is_noticed(sessions: Sessions, breach: str) -> None:
    job_id = trained_by_hand(sessions)
    reference = read_history(sessions, job_id)
    assert violations(sessions, job_id, reference) == []
    with sessions.begin() as session:
        session.execute(text(breach))
    assert violations(sessions, job_id, reference) != []
