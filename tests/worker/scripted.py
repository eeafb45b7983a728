"""A worker on a real database whose training takes no time; the test scripts what happens before each epoch."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from db import history, predictions, queue
from db.checkpoints import CheckpointFile
from db.leases import Lease
from db.models import Job, Prediction
from db.session import Sessions
from jobs.errors import CheckpointDamaged
from jobs.metrics import Environment, EpochMetrics, Evaluation, LayerMetrics, ParameterMetrics
from jobs.progress import EpochProgress
from jobs.spec import JobSpec
from storage.checkpoints import Listed
from tests.support.fake_worker import FakeWorker
from tests.support.figures import ENVIRONMENT, TEST, epoch_metrics, parameter_metrics
from tests.support.submitting import create_job, find_job
from worker.attempt import work_on
from worker.heartbeat import Heartbeat
from worker.predictor import Predictor
from worker.trainer import Trainer


def do_nothing(_: int) -> None: ...


class FakeTraining:
    """Counts: the loss of an epoch is how many epochs this training has seen in all, restored ones included."""

    def __init__(self, spec: JobSpec, between_batches: Callable[[], None], before: Callable[[int], None]) -> None:
        self.spec = spec
        self.between_batches = between_batches
        self.before = before
        self.epoch = 0
        self.layers: Sequence[LayerMetrics] = ()
        self.parameters: Sequence[ParameterMetrics] = ()

    def initial_parameters(self) -> Sequence[ParameterMetrics]:
        return self.measure_parameters(0)

    def measure_parameters(self, epoch: int) -> Sequence[ParameterMetrics]:
        """The mean of a learnt parameter is the number of the epoch."""
        return [parameter_metrics(epoch, mean=float(epoch))] if self.spec.trainable else []

    def state_dict(self) -> Mapping[str, Any]:
        return {"epoch": self.epoch}

    def load_state_dict(self, tensors: Mapping[str, Any]) -> None:
        self.epoch = tensors["epoch"]

    def epochs(self) -> Iterator[EpochMetrics]:
        while self.epoch < self.spec.epochs:
            self.before(self.epoch + 1)
            self.between_batches()
            self.epoch += 1
            self.parameters = self.measure_parameters(self.epoch)
            yield epoch_metrics(self.epoch, loss=float(self.epoch))

    def measure_progress(self) -> EpochProgress | None:
        return None  # an epoch takes no time

    def evaluate_on_test(self) -> Evaluation:
        return TEST

    def train_until_stopped(self) -> None:
        """Train on, batch by batch, until the heartbeat stops this training."""
        for _ in range(2000):
            self.between_batches()
            threading.Event().wait(0.005)
        pytest.fail("the training was never stopped")


class FakeCheckpoints:
    """Files in memory; `damaged` ones cannot be loaded."""

    def __init__(self) -> None:
        self.files: dict[str, Mapping[str, Any]] = {}
        self.damaged: set[str] = set()
        self.full = False
        self.undeletable = False
        self.failing_loads = 0

    def save(self, job_id: str, epoch: int, attempt: int, tensors: Mapping[str, Any]) -> CheckpointFile:
        if self.full:
            raise OSError(28, "No space left on device")
        path = f"{job_id}/{epoch}-{attempt}"
        self.files[path] = tensors
        return CheckpointFile(epoch, attempt, path, "0" * 64, 1)

    def load(self, checkpoint: Listed) -> Mapping[str, Any]:
        path = checkpoint.path
        if self.failing_loads > 0:
            self.failing_loads -= 1
            raise ConnectionRefusedError(path)
        if path in self.damaged or path not in self.files:
            raise CheckpointDamaged(path)
        return self.files[path]

    def delete(self, _: str, path: str) -> None:
        if self.undeletable:
            raise PermissionError(path)
        del self.files[path]


class ScriptedWorker:
    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.checkpoints = FakeCheckpoints()
        self.before: Callable[[int], None] = do_nothing
        """Called before each epoch, with its number."""
        self.trainings: list[FakeTraining] = []
        self.draining = threading.Event()
        self.predictor = Predictor(
            sessions, self.checkpoints, lambda _, tensors: lambda _: [float(tensors["epoch"])] * 10
        )

    def prepare(self, spec: JobSpec, between_batches: Callable[[], None]) -> tuple[FakeTraining, Environment]:
        self.trainings.append(FakeTraining(spec, between_batches, self.before))
        return self.trainings[-1], ENVIRONMENT

    def submit(self, **spec: Any) -> str:
        return create_job(self.sessions, JobSpec(**{"activation": "relu", **spec}))

    def train(self, job_id: str, owner: str = "worker/1") -> None:
        trainer = Trainer(self.sessions, owner, self.checkpoints, self.prepare, self.predictor, draining=self.draining)
        work_on(job_id, trainer)

    def work_on(self, job_id: str, owner: str = "worker/1") -> Job:
        self.train(job_id, owner)
        return self.find(job_id)

    def work_until(self, epoch: int, job_id: str) -> Job:
        """Drain before this epoch, which gives the job back."""
        self.before = lambda number: self.draining.set() if number == epoch else None
        job = self.work_on(job_id)
        self.draining.clear()
        self.before = do_nothing
        return job

    def claim(self) -> Lease:
        """Claim a new job, and train nothing."""
        return FakeWorker(self.sessions).claim(self.submit())

    def make_heartbeat(
        self, lease: Lease, *, lease_seconds: float = 60, heartbeat_seconds: float = 10, **options: Any
    ) -> Heartbeat:
        return Heartbeat(self.sessions, lease, lease_seconds, heartbeat_seconds, self.draining, **options)

    def find(self, job_id: str) -> Job:
        return find_job(self.sessions, job_id)

    def read_history(self, job_id: str) -> list[tuple[int, int, float]]:
        """Epoch, attempt and loss of each epoch."""
        with self.sessions.read() as session:
            return [(row.epoch, row.attempt, row.loss) for row in history.read_epochs(session, job_id)]

    def read_parameters(self, job_id: str) -> list[tuple[int, str, float]]:
        """Epoch, layer and mean of each row of the learnt parameters."""
        with self.sessions.read() as session:
            return [(row.epoch, row.layer, row.mean) for row in history.read_parameters(session, job_id)]

    def reap(self, owner: str) -> None:
        """Take the job from this owner; again while a heartbeat holds the row, which `queue.reap` passes over."""
        while True:
            with self.sessions.begin() as session:
                if queue.reap(session, owned_by=owner):
                    return

    def request_prediction(self, job_id: str) -> str:
        with self.sessions.begin() as session:
            return predictions.submit(session, job_id, [[0.0] * 28] * 28)

    def find_prediction(self, prediction_id: str) -> Prediction:
        with self.sessions.read() as session:
            row = predictions.find(session, prediction_id)
        assert row is not None
        return row
