"""Time until a job resumes after its worker was killed or told to stop: real workers, the default lease of 60 s."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import psutil

from bench.figures import Figures
from broker.hints import CeleryHintQueue
from broker.reconciler import dispatch
from db import jobs, schema, workers
from db.models import Job
from db.session import Sessions, connect
from jobs.spec import JobSpec
from runtime.settings import sqlite_url
from stack.processes import Child
from stack.supervision import MIN_PAUSE_SECONDS
from stack.valkey import Valkey, make_valkey

LONG = JobSpec.model_validate({"activation": "relu", "epochs": 1000, "train_samples": 256})


@dataclass(slots=True)
class Scene:
    folder: Path
    broker: Valkey
    hints: CeleryHintQueue
    sessions: Sessions
    workers: list[Child] = field(default_factory=list)

    def add_worker(self) -> None:
        folder = self.folder / str(len(self.workers))
        folder.mkdir()
        environment = {
            **os.environ,
            "ACTIVATION_LAB_DATA_DIR": str(folder),
            "ACTIVATION_LAB_DATABASE_URL": sqlite_url(self.folder / "activation-lab.db"),
            "ACTIVATION_LAB_CHECKPOINTS_URL": (self.folder / "checkpoints").as_uri(),
            "ACTIVATION_LAB_BROKER_URL": self.broker.url,
        }
        worker = Child("worker", [sys.executable, "-m", "stack", "worker"], environment, self.broker.log)
        worker.start()
        self.workers.append(worker)
        self.wait_until(lambda: self.count_workers() == len(self.workers))

    def count_workers(self) -> int:
        with self.sessions.read() as session:
            return len(workers.list_live(session))

    def resume(self, interrupt: Callable[[Child, psutil.Process], None]) -> Iterator[float]:
        """Time from the interruption of the worker, or of the process, that trains a job to the job's next attempt."""
        with self.sessions.begin() as session:
            job_id = jobs.create(session, LONG, max_unfinished=10)[0].id
        dispatch(self.sessions, self.hints, [job_id])
        self.wait_until(lambda: self.find_job(job_id).epochs_done >= 2)
        trainer = psutil.Process(int(str(self.find_job(job_id).lease_owner).rpartition("/")[2]))
        worker = next(worker for worker in self.workers if worker.process and worker.process.pid == trainer.ppid())
        started = monotonic()
        interrupt(worker, trainer)
        self.wait_until(lambda: self.find_job(job_id).attempt == 2)
        seconds = monotonic() - started
        with self.sessions.begin() as session:
            jobs.request_cancel(session, job_id)
        self.wait_until(lambda: self.find_job(job_id).finished_at is not None)
        yield seconds

    def find_job(self, job_id: str) -> Job:
        with self.sessions.read() as session:
            return jobs.find(session, job_id)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            sleep(0.02)


def kill_child(_: Child, trainer: psutil.Process) -> None:
    trainer.kill()


def kill_and_restart(worker: Child, _: psutil.Process) -> None:
    """Restart the worker after the pause of `up`."""
    worker.stop_by(monotonic())
    sleep(MIN_PAUSE_SECONDS)
    worker.start()


def kill(worker: Child, _: psutil.Process) -> None:
    worker.stop_by(monotonic())


def tell_to_stop_and_restart(worker: Child, _: psutil.Process) -> None:
    worker.ask_to_stop()
    worker.stop_by(monotonic() + 15)
    worker.start()


@contextmanager
def run_scene(folder: Path) -> Iterator[Scene]:
    schema.migrate(sqlite_url(folder / "activation-lab.db"))
    sessions = connect(sqlite_url(folder / "activation-lab.db"))
    with (folder / "log").open("w") as log:
        broker = make_valkey(folder, log)
        broker.start()
        scene = Scene(folder, broker, CeleryHintQueue(broker.url), sessions)
        yield scene
        for part in (*scene.workers, broker):
            part.ask_to_stop()
            part.stop_by(monotonic() + 15)
        scene.hints.close()
    sessions.close()


def measure(figures: Figures, *, rounds: int, lease_expires: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, run_scene(Path(folder)) as scene:
        scene.add_worker()
        alone = {"child killed": kill_child, "worker restarted": kill_and_restart}
        figures.alternate({name: partial(scene.resume, fault) for name, fault in alone.items()}, rounds=rounds)
        scene.add_worker()
        beside = {"child killed, another idle": kill_child, "worker stopped, another idle": tell_to_stop_and_restart}
        figures.alternate({name: partial(scene.resume, fault) for name, fault in beside.items()}, rounds=rounds)
        if lease_expires:
            figures.measure("worker gone, another idle", partial(scene.resume, kill))
        else:
            figures.reasons["worker gone, another idle"] = "its lease lasts a minute"
