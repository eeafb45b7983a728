"""Workers that die at every point of the protocol; and what must hold afterwards, whatever died."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil
import pytest
from sqlalchemy import select, text

from broker.hints import CeleryQueue
from broker.reconciler import dispatch
from db import queries, store
from db.models import Event, Job
from db.session import Sessions
from jobs.metrics import EpochMetrics, Evaluation
from jobs.spec import JobSpec
from stack.processes import Child
from stack.up import Valkey

pytestmark = pytest.mark.timeout(280)

POINTS = (
    "before claim",
    "after claim",
    "before checkpoint rename",
    "after checkpoint rename",
    "before epoch commit",
    "after epoch commit",
    "before finish",
    "after finish",
)
SPEC = {"activation": "relu", "epochs": 2, "train_samples": 256, "validation": {"fraction": 0.001}}
WORKER = "from worker.main import main; from jobs import settings; main(settings.read(), tasks='{}')"
MEASURED = {"attempt", "epoch_seconds", "images_per_second", "recorded_at"}


@contextmanager
def worker(
    url: str, broker: Valkey, folder: Path, *, tasks: str = "worker.tasks", processes: int = 1
) -> Iterator[Child]:
    """A real worker with short leases and a data folder of its own."""
    folder.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent),
        "FAULTS_FOLDER": str(folder),
        "ACTIVATION_LAB_DATA_DIR": str(folder),
        "ACTIVATION_LAB_DATABASE_URL": url,
        "ACTIVATION_LAB_BROKER_URL": broker.url,
        "ACTIVATION_LAB_CHECKPOINTS_URL": f"file://{folder.parent / 'checkpoints'}",
        "ACTIVATION_LAB_RECONCILE_SECONDS": "0.5",
        "ACTIVATION_LAB_LEASE_SECONDS": "4",
        "ACTIVATION_LAB_HEARTBEAT_SECONDS": "1",
        "ACTIVATION_LAB_WORKER_PROCESSES": str(processes),
        "ACTIVATION_LAB_WORKER_THREADS": "1",
    }
    with (folder / "worker.log").open("w") as log:
        child = Child("worker", [sys.executable, "-c", WORKER.format(tasks)], environment, log)
        child.start()
        yield child
        child.ask_to_stop()
        child.stop_by(monotonic() + 15)


def submit(sessions: Sessions, folder: Path, point: str, spec: Mapping[str, Any] = SPEC) -> str:
    with sessions.begin() as session:
        job_id = store.create(session, JobSpec.model_validate(spec), max_unfinished=100)[0].id
    (folder / f"{job_id}.point").write_text(point)
    return job_id


def wait_for_end(sessions: Sessions, job_ids: list[str], *, seconds: float) -> None:
    deadline = monotonic() + seconds
    while unfinished := [job_id for job_id in job_ids if find(sessions, job_id).finished_at is None]:
        assert monotonic() < deadline, unfinished
        sleep(0.2)


def find(sessions: Sessions, job_id: str) -> Job:
    with sessions.read() as session:
        return queries.find(session, job_id)


def history(sessions: Sessions, job_id: str) -> list[dict[str, Any]]:
    with sessions.read() as session:
        rows = queries.epochs(session, job_id)
        columns = [column.name for column in rows[0].__table__.columns if column.name not in {"job_id", *MEASURED}]
        return [{column: getattr(row, column) for column in columns} for row in rows]


def violations(sessions: Sessions, job_id: str, reference: list[dict[str, Any]]) -> list[str]:
    """What must hold of an ended job, whatever happened to its workers."""
    with sessions.read() as session:
        job = queries.find(session, job_id)
        epochs = queries.epochs(session, job_id)
        events = session.scalars(select(Event).where(Event.job_id == job_id).order_by(Event.seq)).all()
    promises = {
        "it succeeds": job.state == "succeeded",
        "it has one end": [event.kind for event in events].count("end") == 1,
        "its end is its last event": events[-1].kind == "end",
        "its events have no gap": [event.seq for event in events] == list(range(1, job.event_seq + 1)),
        "its epochs are there once each": [row.epoch for row in epochs] == list(range(1, job.epochs_total + 1)),
        "the attempt never falls": all(before.attempt <= after.attempt for before, after in pairwise(epochs)),
        "it has no lease": job.lease_owner is None and job.lease_expires_at is None,
        "its history is the reference's, bit for bit": history(sessions, job_id) == reference,
    }
    return [promise for promise, kept in promises.items() if not kept]


def test_a_worker_that_dies_at_any_point_loses_and_doubles_nothing(
    sessions: Sessions, database_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    queue = CeleryQueue(valkey.url)
    unharmed = submit(sessions, tmp_path, "nowhere")
    harmed = {submit(sessions, tmp_path, point): point for point in POINTS}
    with worker(database_url, valkey, tmp_path, tasks="failing_tasks", processes=2):
        dispatch(sessions, queue, [unharmed, *harmed])
        wait_for_end(sessions, [unharmed, *harmed], seconds=240)
    queue.close()
    reference = history(sessions, unharmed)
    assert len(reference) == 2
    assert {point: violations(sessions, job_id, reference) for job_id, point in harmed.items()} == {
        point: [] for point in POINTS
    }
    died = {harmed[path.name] for path in tmp_path.iterdir() if path.name in harmed}
    assert died == set(POINTS), "each point was reached"


def test_a_worker_that_slept_past_its_lease_wakes_up_to_write_nothing(
    sessions: Sessions, database_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    queue = CeleryQueue(valkey.url)
    spec = {**SPEC, "epochs": 8}
    unharmed, job_id = (submit(sessions, tmp_path, "nowhere", spec) for _ in range(2))
    with worker(database_url, valkey, tmp_path / "first") as first:
        dispatch(sessions, queue, [unharmed])
        wait_for_end(sessions, [unharmed], seconds=60)
        dispatch(sessions, queue, [job_id])
        while find(sessions, job_id).epochs_done < 2:
            sleep(0.02)
        sleeper = trainer_of(first)
        sleeper.suspend()
        with worker(database_url, valkey, tmp_path / "second"):
            while find(sessions, job_id).attempt < 2:
                sleep(0.05)
            sleeper.resume()  # while its successor trains
            wait_for_end(sessions, [job_id], seconds=60)
    queue.close()
    assert violations(sessions, job_id, history(sessions, unharmed)) == []
    assert "was taken from attempt 1" in (tmp_path / "first" / "worker.log").read_text()


def trainer_of(worker: Child) -> psutil.Process:
    assert worker.process is not None
    children = psutil.Process(worker.process.pid).children()
    return next(child for child in children if "spawn_main" in " ".join(child.cmdline()))


@pytest.mark.parametrize(
    "breach",
    [
        "UPDATE epochs SET loss = loss + 1e-15 WHERE epoch = 2",
        "DELETE FROM epochs WHERE epoch = 2",
        "DELETE FROM events WHERE seq = 3",
        "UPDATE epochs SET attempt = 7 WHERE epoch = 1",
    ],
)
def test_the_invariants_notice_a_breach(
    sessions: Sessions, tmp_path: Path, breach: str, recorded: Callable[[str], None]
) -> None:
    job_id = submit(sessions, tmp_path, "nowhere")
    recorded(job_id)
    reference = history(sessions, job_id)
    assert violations(sessions, job_id, reference) == []
    with sessions.begin() as session:
        session.execute(text(breach))
    assert violations(sessions, job_id, reference) != []


@pytest.fixture
def recorded(sessions: Sessions) -> Callable[[str], None]:
    """Trains a job by hand, without a worker."""

    def train(job_id: str) -> None:
        with sessions.begin() as session:
            claimed = store.claim(session, job_id, "worker/1", lease_seconds=60)
        assert claimed is not None
        for epoch in (1, 2):
            with sessions.begin() as session:
                metrics = EpochMetrics(epoch, 0.1, 0.5, 0.9, 0.2, 0.6, 0.95, 1e-3, 2.0, 1000.0)
                store.record_epoch(session, claimed.lease, metrics)
        with sessions.begin() as session:
            store.succeed(session, claimed.lease, Evaluation(0.1, 0.9, 0.98))

    return train
