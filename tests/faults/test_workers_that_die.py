"""Workers that die at every point of the protocol, sleep through their lease, or lose what they wrote."""

from pathlib import Path

import psutil
import pytest

from broker.hints import CeleryHintQueue
from broker.reconciler import dispatch
from db import jobs
from db.queue import MAX_CRASHES_WITHOUT_PROGRESS
from db.session import Sessions
from jobs.state import JobState
from stack.valkey import Valkey
from tests.faults.workers import LEARNING, SPEC, find, submit, suspend, trainer_of, wait_for_end, worker
from tests.support.invariants import read_history, violations
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(900)

POINTS = (
    "before claim",
    "after claim",
    "before checkpoint rename",
    "after checkpoint rename",
    "before epoch commit",
    "after epoch commit",
    "before finish",
    "after finish",
    "truncated checkpoint, after epoch commit",
    "full disk, after epoch commit",
)
ALWAYS = "always, after claim"


def test_a_worker_that_dies_at_any_point_loses_and_doubles_nothing(
    sessions: Sessions, database_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    jobs = {point: submit(sessions) for point in ("nowhere", ALWAYS, *POINTS)}
    for point, job_id in jobs.items():
        (tmp_path / f"{job_id}.point").write_text(point)
    hints = CeleryHintQueue(valkey.url)
    with worker(database_url, valkey, tmp_path, tasks="tests.faults.failing_tasks", processes=2):
        dispatch(sessions, hints, list(jobs.values()))
        wait_for_end(sessions, list(jobs.values()), seconds=240)
    hints.close()

    reference = read_history(sessions, jobs["nowhere"])
    assert len(reference) == 2
    assert {record["epoch"] for record in find(sessions, jobs["nowhere"]).diagnoses or []} == {1, 2}
    assert {point: violations(sessions, jobs[point], reference) for point in POINTS} == {point: [] for point in POINTS}
    assert all((tmp_path / jobs[point]).exists() for point in POINTS), "each point was reached"

    assert violations(sessions, jobs[ALWAYS], reference, ends=[JobState.FAILED]) == []
    hopeless = find(sessions, jobs[ALWAYS])
    assert (hopeless.error_code, hopeless.attempt, hopeless.epochs_done) == ("worker_crashed_repeatedly", 3, 0)
    log = (tmp_path / "worker.log").read_text()
    assert f"job {jobs['full disk, after epoch commit']}: epoch 1 has no checkpoint" in log
    assert "does not hold the bytes that were saved; trying the one before it" in log


def test_a_worker_that_slept_past_its_lease_wakes_up_to_write_nothing(
    sessions: Sessions, database_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    hints = CeleryHintQueue(valkey.url)
    unharmed, job_id = (submit(sessions, {**LEARNING, "epochs": 8}) for _ in range(2))
    with worker(database_url, valkey, tmp_path / "first") as first:
        dispatch(sessions, hints, [unharmed])
        wait_for_end(sessions, [unharmed], seconds=60)
        dispatch(sessions, hints, [job_id])
        wait_for(lambda: find(sessions, job_id).epochs_done >= 2, seconds=60)
        assert first.process is not None
        sleeper = trainer_of(psutil.Process(first.process.pid))
        assert sleeper is not None
        suspend(sleeper, sessions, job_id)
        with worker(database_url, valkey, tmp_path / "second"):
            wait_for(lambda: find(sessions, job_id).attempt >= 2, seconds=100)
            sleeper.resume()  # while its successor trains
            wait_for_end(sessions, [job_id], seconds=60)
    hints.close()
    assert violations(sessions, job_id, read_history(sessions, unharmed)) == []
    assert "was taken from attempt 1" in (tmp_path / "first" / "worker.log").read_text()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_suspended_again_and_again_within_an_epoch_has_not_crashed(
    sessions: Sessions, database_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    hints = CeleryHintQueue(valkey.url)
    job_id = submit(sessions, {**SPEC, "epochs": 1, "train_samples": 50_000, "batch_size": 16})
    with worker(database_url, valkey, tmp_path / "only") as only:
        dispatch(sessions, hints, [job_id])
        assert only.process is not None
        for attempt in range(1, MAX_CRASHES_WITHOUT_PROGRESS + 1):
            wait_for(lambda attempt=attempt: standing(sessions, job_id) == ("running", attempt), seconds=60)
            sleeper = trainer_of(psutil.Process(only.process.pid))
            assert sleeper is not None
            suspend(sleeper, sessions, job_id)
            wait_for(lambda: find(sessions, job_id).state != "running", seconds=60)
            sleeper.resume()
            wait_for(lambda: find(sessions, job_id).crashes == 0, seconds=60)
        assert find(sessions, job_id).epochs_done == 0
        with sessions.begin() as session:
            jobs.request_cancel(session, job_id)
        wait_for_end(sessions, [job_id], seconds=60)
    hints.close()
    assert violations(sessions, job_id, [], ends=[JobState.CANCELLED]) == []


def standing(sessions: Sessions, job_id: str) -> tuple[str, int]:
    job = find(sessions, job_id)
    return job.state, job.attempt
