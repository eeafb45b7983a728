"""Real worker processes with short leases, and the jobs they are given."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil
from sqlalchemy import select

from db import jobs
from db.models import Job
from db.session import Sessions
from jobs.spec import JobSpec
from stack.processes import Child
from stack.valkey import Valkey

SPEC = {
    "activation": "relu",
    "epochs": 2,
    "train_samples": 256,
    "validation": {"fraction": 0.001},
    "optimizer": {"learning_rate": 0.03},  # too much: units die, and each epoch has its diagnoses
}
LEARNING = {**SPEC, "activation": "leaky-relu", "trainable": {"parameters": ["alpha"], "per": "channel"}}
LEASE_SECONDS = 4
WORKER = "from worker.main import main; from runtime import settings; main(settings.read(), tasks='{}')"


@contextmanager
def worker(
    url: str, broker: Valkey, folder: Path, *, tasks: str = "worker.tasks", processes: int = 1
) -> Iterator[Child]:
    """A worker with a data folder of its own; `tasks` is the module that its children import."""
    folder.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "FAULTS_FOLDER": str(folder),
        "ACTIVATION_LAB_DATA_DIR": str(folder),
        "ACTIVATION_LAB_DATABASE_URL": url,
        "ACTIVATION_LAB_BROKER_URL": broker.url,
        "ACTIVATION_LAB_CHECKPOINTS_URL": (folder.parent / "checkpoints").as_uri(),
        "ACTIVATION_LAB_RECONCILE_SECONDS": "0.5",
        "ACTIVATION_LAB_LEASE_SECONDS": str(LEASE_SECONDS),
        "ACTIVATION_LAB_HEARTBEAT_SECONDS": "1",
        "ACTIVATION_LAB_WORKER_PROCESSES": str(processes),
        "ACTIVATION_LAB_WORKER_THREADS": "1",
    }
    with (folder / "worker.log").open("w") as log:
        child = Child("worker", [sys.executable, "-c", WORKER.format(tasks)], environment, log)
        child.start()
        try:
            yield child
        finally:
            child.ask_to_stop()
            child.stop_by(monotonic() + 15)


def trainer_of(worker: psutil.Process) -> psutil.Process | None:
    """The child that trains, where there is one just now."""
    spawned = (child for child in worker.children() if "spawn_main" in " ".join(child.cmdline()))
    return next(spawned, None)


def suspend(process: psutil.Process, sessions: Sessions, job_id: str) -> None:
    """Suspend the process while it writes nothing of the job: a lock that it held would hold up everybody."""
    with sessions.begin() as session:
        session.execute(select(Job.id).where(Job.id == job_id).with_for_update())  # SQLite: its only writer
        process.suspend()


def submit(sessions: Sessions, spec: Mapping[str, Any] = SPEC) -> str:
    with sessions.begin() as session:
        return jobs.create(session, JobSpec.model_validate(spec), max_unfinished=100)[0].id


def find(sessions: Sessions, job_id: str) -> Job:
    with sessions.read() as session:
        return jobs.find(session, job_id)


def wait_for_end(sessions: Sessions, job_ids: list[str], *, seconds: float) -> None:
    deadline = monotonic() + seconds
    while unfinished := [job_id for job_id in job_ids if find(sessions, job_id).finished_at is None]:
        assert monotonic() < deadline, unfinished
        sleep(0.2)
