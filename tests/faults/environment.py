"""A whole service that can be hurt: `up`, a second worker in a folder of its own, and on PostgreSQL the server."""

import random
import signal
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep, time
from typing import NamedTuple

import psutil
from sqlalchemy import select

from bench.postgres import PostgresServer
from db.models import Job
from db.session import connect
from jobs.errors import DatabaseUnavailable
from stack.processes import Child
from tests.faults.workers import trainer_of
from tests.support.service import NotReady, Service, start

LEASE_SECONDS = 8
SETTINGS = {
    "lease_seconds": str(LEASE_SECONDS),
    "heartbeat_seconds": "1",
    "reconcile_seconds": "1",
    "worker_threads": "1",
}


class Strike(NamedTuple):
    """A fault that took a job from its worker."""

    fault: str
    at: float
    job_id: str
    attempt: int


class Ground:
    service: Service
    second: Child
    broker_url: str

    def __init__(self, folder: Path, database_url: str, postgres: PostgresServer | None) -> None:
        self.folder = folder
        self.database_url = database_url
        self.postgres = postgres
        self.sessions = connect(database_url)
        self.checkpoints = folder / "checkpoints"
        self.strikes: list[Strike] = []

    def start(self) -> None:
        """Start until it is ready: while the database is away, `up` says so and ends."""
        settings = {**SETTINGS, "checkpoints_url": self.checkpoints.as_uri()}
        while True:
            with suppress(NotReady):
                self.service = start(self.folder / "first", "--database-url", self.database_url, **settings)
                break
            sleep(1)
        environment = {**self.part("worker").environ(), "ACTIVATION_LAB_DATA_DIR": str(self.folder / "second")}
        self.broker_url = environment["ACTIVATION_LAB_BROKER_URL"]
        log = (self.folder / "second.log").open("a")
        self.second = Child("worker", [sys.executable, "-m", "stack", "worker"], environment, log)
        self.second.start()

    def stop(self) -> None:
        self.second.ask_to_stop()
        self.second.stop_by(monotonic() + 15)
        self.second.log.close()
        self.service.stop()
        self.sessions.close()

    def part(self, word: str) -> psutil.Process:
        """A child of `up`, as soon as there is one: it may be about to be started again."""
        while True:
            with suppress(StopIteration, psutil.NoSuchProcess):
                return self.service.part(word)
            sleep(0.1)

    def worker(self, chance: random.Random) -> psutil.Process:
        if chance.random() < 0.5:
            return self.part("worker")
        if not self.second.alive:
            self.second.start()
        assert self.second.process is not None
        return psutil.Process(self.second.process.pid)

    def trainer(self, chance: random.Random) -> psutil.Process:
        """Of a worker that trains just now; after a while any that could."""
        patience = monotonic() + 10
        while True:
            with suppress(psutil.NoSuchProcess):
                process = trainer_of(self.worker(chance))
                if process and (self.held_by(process) or monotonic() > patience):
                    return process
            sleep(0.1)

    def held_by(self, process: psutil.Process) -> tuple[str, int] | None:
        """The job, and its attempt, that this process trains."""
        held = select(Job.id, Job.attempt).where(Job.lease_owner.endswith(f"/{process.pid}"))
        with suppress(DatabaseUnavailable), self.sessions.read() as session:
            row = session.execute(held).first()
            return (row.id, row.attempt) if row else None
        return None

    def strike(self, fault: str, process: psutil.Process, number: signal.Signals = signal.SIGKILL) -> None:
        held = self.held_by(process) or self.held_by_children(process)
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        if held:
            self.strikes.append(Strike(fault, time(), *held))

    def held_by_children(self, process: psutil.Process) -> tuple[str, int] | None:
        with suppress(psutil.NoSuchProcess):
            return next((held for child in process.children() if (held := self.held_by(child))), None)
        return None
