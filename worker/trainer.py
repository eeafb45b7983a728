"""The trainer of a worker process, and the interfaces of its parts. Knows neither Celery nor torch."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from db.checkpoints import CheckpointFile
from db.leases import Lease
from db.session import Sessions
from jobs.metrics import Environment, EpochMetrics, Evaluation, LayerMetrics, ParameterMetrics
from jobs.progress import EpochProgress
from jobs.spec import JobSpec
from storage.checkpoints import Listed
from worker.heartbeat import Heartbeat
from worker.predictor import Predictor

Tensors = Mapping[str, Any]  # of torch, which this module does not know


class Training(Protocol):
    """The interface of worker/training/train.py."""

    @property
    def layers(self) -> Sequence[LayerMetrics]: ...
    @property
    def parameters(self) -> Sequence[ParameterMetrics]: ...
    def initial_parameters(self) -> Sequence[ParameterMetrics]: ...
    def state_dict(self) -> Tensors: ...
    def load_state_dict(self, tensors: Tensors) -> None: ...
    def epochs(self) -> Iterable[EpochMetrics]: ...
    def measure_progress(self) -> EpochProgress | None: ...
    def evaluate_on_test(self) -> Evaluation: ...


class Checkpoints(Protocol):
    """The interface of worker/checkpoint.py."""

    def save(self, job_id: str, epoch: int, attempt: int, tensors: Tensors) -> CheckpointFile: ...
    def load(self, checkpoint: Listed) -> Tensors: ...
    def delete(self, job_id: str, path: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Trainer:
    """Holds what the attempts of one worker process share."""

    sessions: Sessions
    owner: str
    checkpoints: Checkpoints
    prepare: Callable[[JobSpec, Callable[[], None]], tuple[Training, Environment]]
    """Makes a training ready to start; the callable it is given is called between batches and may raise."""
    predictor: Predictor
    lease_seconds: float = 60
    heartbeat_seconds: float = 10
    stalled_seconds: float = 1800
    draining: threading.Event = field(default_factory=threading.Event)

    def make_heartbeat(self, lease: Lease) -> Heartbeat:
        return Heartbeat(
            self.sessions,
            lease,
            self.lease_seconds,
            self.heartbeat_seconds,
            self.draining,
            stalled_seconds=self.stalled_seconds,
        )
