"""Simulated workers and clients: each a process with connections of its own, doing what the real ones do."""

import multiprocessing
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Empty
from statistics import quantiles
from threading import Event, Timer
from time import monotonic, sleep
from typing import Any

import psutil

from db import jobs, leases
from db.checkpoints import CheckpointFile
from db.session import Sessions
from jobs.metrics import Environment, EpochMetrics, Evaluation, LayerMetrics, ParameterMetrics
from jobs.spec import JobSpec
from storage.checkpoints import Listed
from worker.attempt import work_on
from worker.predictor import Predictor
from worker.registration import Registration
from worker.trainer import Trainer

CONTEXT = multiprocessing.get_context("fork")  # with SQLAlchemy's compiled statements, as a worker of some age has them
CONNECTIONS = 3  # of a worker in training: the job's, the heartbeat's, the registration's
READY_WITHIN_SECONDS = 3600.0
NO_LIMIT = 1_000_000


class Hints:
    """The broker's stand-in: a queue of job ids that all simulated workers take from."""

    def __init__(self) -> None:
        self._queue: Any = CONTEXT.Queue()
        self._queue.cancel_join_thread()  # a full pipe must not keep a process from ending

    def send(self, job_ids: Iterable[str]) -> list[str]:
        for job_id in job_ids:
            self._queue.put(job_id)
        return []

    def length(self) -> int:
        return int(self._queue.qsize())

    def take(self) -> str | None:
        """The next hint, None when there was none for half a second."""
        try:
            return str(self._queue.get(timeout=0.5))
        except Empty:
            return None


@dataclass(slots=True)
class Notes:
    """Measured seconds of each operation, by its name."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        started = monotonic()
        yield
        self.add(name, monotonic() - started)

    def add(self, name: str, seconds: float) -> None:
        self.seconds.setdefault(name, []).append(seconds)


@dataclass(frozen=True, slots=True)
class Figures:
    """The measurements of all processes together."""

    seconds: float
    server_seconds: float
    """CPU time of the database server."""
    samples: Mapping[str, Sequence[float]]

    def rate(self, name: str) -> float:
        return len(self.samples[name]) / self.seconds

    def milliseconds(self, name: str) -> tuple[float, float]:
        """p50 and p95."""
        return percentiles(self.samples[name])

    def server_milliseconds(self, name: str) -> float:
        """The server's CPU time for the whole run, divided by the number of these operations."""
        return self.server_seconds * 1000 / len(self.samples[name])


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """p50 and p95, in milliseconds."""
    cuts = quantiles(seconds, n=20) if len(seconds) > 1 else [*seconds] * 19
    return cuts[9] * 1000, cuts[18] * 1000


Work = Callable[[Sessions, int, Notes], None]
"""Done by a process, which is given its number."""


def run_processes(size: int, work: Work, *, sessions: Sessions, server_pid: int) -> Figures:
    """Do the work in this many processes at once, from the moment at which all are connected."""
    gate, results = CONTEXT.Barrier(size + 1), CONTEXT.SimpleQueue()
    processes = [
        CONTEXT.Process(target=run_process, args=(work, number, sessions, gate, results)) for number in range(size)
    ]
    for process in processes:
        process.start()
    gate.wait(READY_WITHIN_SECONDS)
    started, server_before = monotonic(), read_cpu_seconds(server_pid)
    answers = [results.get() for _ in processes]
    seconds, server_seconds = max(ended for ended, _ in answers) - started, read_cpu_seconds(server_pid) - server_before
    gate.wait(READY_WITHIN_SECONDS)
    for process in processes:
        process.join()
    return Figures(seconds, server_seconds, merge(notes for _, notes in answers))


def run_process(work: Work, number: int, sessions: Sessions, gate: Any, results: Any) -> None:
    sessions.engine.dispose(close=False)  # the parent's connections are not ours
    with ExitStack() as at_once:
        for _ in range(CONNECTIONS):
            at_once.enter_context(sessions.read()).connection()
    notes = Notes()
    gate.wait(READY_WITHIN_SECONDS)
    work(sessions, number, notes)
    results.put((monotonic(), notes.seconds))
    gate.wait(READY_WITHIN_SECONDS)  # a server process that ends would not be counted
    sessions.close()


def merge(parts: Iterable[Mapping[str, Sequence[float]]]) -> dict[str, list[float]]:
    together: dict[str, list[float]] = {}
    for part in parts:
        for name, seconds in part.items():
            together.setdefault(name, []).extend(seconds)
    return together


def read_cpu_seconds(pid: int) -> float:
    """CPU time of the server's living processes; schedstat counts nanoseconds, /proc/*/stat ticks of 10 ms."""
    server = psutil.Process(pid)
    pids = [pid, *(child.pid for child in server.children())]
    return sum(int(Path(f"/proc/{each}/schedstat").read_text().split()[0]) for each in pids) / 1e9


# --- the work ---


def submit_jobs(sessions: Sessions, number: int, notes: Notes, *, count: int, epochs: int) -> None:
    """Submit one job after the other, as a client does."""
    spec = JobSpec(activation="relu", epochs=epochs, metadata={"client": str(number)})
    for _ in range(count):
        with notes.timing("create"), sessions.begin() as session:
            jobs.create(session, spec, max_unfinished=NO_LIMIT)


def claim_jobs(sessions: Sessions, number: int, notes: Notes, *, jobs: int, hints: Hints) -> None:
    """Claim jobs as a worker that dies with each of them, and leaves an expired lease."""
    for _ in range(jobs):
        job_id = hints.take()
        if job_id is None:
            return
        with notes.timing("claim"), sessions.begin() as session:
            leases.claim(session, job_id, f"simulated/{number}", lease_seconds=0.0)


def refuse_prediction(_: Sequence[Sequence[float]]) -> list[float]:
    raise NotImplementedError  # no prediction is requested of a simulated worker


def train_jobs(
    sessions: Sessions, number: int, notes: Notes, *, hints: Hints, epoch_seconds: float, for_seconds: float
) -> None:
    """Work as the real worker does, except for its training, which is a clock. After `for_seconds` it drains."""
    draining, owner = Event(), f"simulated/{number}"
    predictor = Predictor(sessions, Checkpoints(), lambda *_: refuse_prediction)
    timer = Timer(for_seconds, draining.set)
    timer.start()
    registration = Registration(sessions, owner, "clock", interval_seconds=10)
    while not draining.is_set() and (job_id := hints.take()):
        clock = Clock(notes, epoch_seconds)
        trainer = Trainer(sessions, owner, Checkpoints(), clock.prepare, predictor, draining=draining)
        with registration.show_job(job_id):
            clock.hinted_at = monotonic()
            work_on(job_id, trainer)
            if clock.evaluated_at:
                notes.add("succeed", monotonic() - clock.evaluated_at)
    timer.cancel()


class Checkpoints:
    """Writes no files; their rows are written."""

    def save(self, job_id: str, epoch: int, attempt: int, tensors: Mapping[str, Any]) -> CheckpointFile:  # noqa: ARG002
        return CheckpointFile(epoch, attempt, f"{job_id}/{epoch}", sha256="0" * 64, size_bytes=14_000_000)

    def load(self, checkpoint: Listed) -> Mapping[str, Any]:
        return {"epoch": int(checkpoint.path.rpartition("/")[2])}

    def delete(self, job_id: str, path: str) -> None:
        pass


@dataclass(slots=True)
class Clock:
    """A training that only sleeps; it notes how long it waited for the database."""

    notes: Notes
    epoch_seconds: float
    hinted_at: float = 0.0
    evaluated_at: float = 0.0
    epoch: int = 0
    epochs_total: int = 0
    check: Callable[[], None] = field(default=lambda: None)

    def prepare(self, spec: JobSpec, check: Callable[[], None]) -> tuple["Clock", Environment]:
        self.notes.add("claim", monotonic() - self.hinted_at)
        self.epochs_total, self.check = spec.epochs, check
        return self, Environment("clock", "none", "3", 1, "bench", "0" * 64)

    @property
    def layers(self) -> Sequence[LayerMetrics]:
        figures = (0.1, 1e-3, 0.2, 0.3, 0.4, 0.0, 0.0, 0.0)
        return [LayerMetrics(self.epoch, layer, *figures) for layer in ("conv1", "conv2", "dense1")]

    @property
    def parameters(self) -> Sequence[ParameterMetrics]:
        return ()

    def initial_parameters(self) -> Sequence[ParameterMetrics]:
        return ()

    def state_dict(self) -> Mapping[str, Any]:
        return {}

    def load_state_dict(self, tensors: Mapping[str, Any]) -> None:
        self.epoch = tensors["epoch"]

    def epochs(self) -> Iterator[EpochMetrics]:
        sleep(random.uniform(0, self.epoch_seconds))  # not all workers in step
        while self.epoch < self.epochs_total:
            sleep(self.epoch_seconds)
            self.check()
            self.epoch += 1
            with self.notes.timing("epoch"):
                yield metrics(self.epoch)

    def measure_progress(self) -> None:
        """Measure nothing: no write of a lease is added to those that are counted."""

    def evaluate_on_test(self) -> Evaluation:
        self.evaluated_at = monotonic()
        return Evaluation(loss=0.1, accuracy=0.9, binary_accuracy=0.98)


def metrics(epoch: int) -> EpochMetrics:
    return EpochMetrics(
        epoch=epoch,
        loss=0.6,
        accuracy=0.7,
        binary_accuracy=0.9,
        val_loss=1 / epoch,
        val_accuracy=0.8,
        val_binary_accuracy=0.95,
        learning_rate=1e-3,
        epoch_seconds=2.0,
        images_per_second=1000.0,
    )


def bind(work: Callable[..., None], **arguments: Any) -> Work:
    return partial(work, **arguments)
