"""A real API on a real socket, whose only worker is the test."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from typer.testing import Result

from api.main import create_app
from db.leases import Lease
from db.session import Sessions, connect
from jobs.errors import TrainingError
from jobs.metrics import Evaluation, LayerMetrics
from runtime.settings import Settings
from tests.support.fake_worker import FakeWorker
from tests.support.serving import serve

FIGURES: dict[str, Any] = {
    "accuracy": 0.9,
    "binary_accuracy": 0.98,
    "val_accuracy": 0.95,
    "val_binary_accuracy": 0.99,
    "epoch_seconds": 2.5,
    "images_per_second": 2000.0,
}
TESTED = Evaluation(loss=0.02, accuracy=0.9601, binary_accuracy=0.992)


def no_layers(_: int) -> Sequence[LayerMetrics]:
    return ()


@dataclass(frozen=True)
class Service:
    """A service whose broker is away and whose only worker is the test."""

    url: str
    sessions: Sessions

    @property
    def worker(self) -> FakeWorker:
        return FakeWorker(self.sessions, "worker-1")

    def train(self, job_id: str, *, epochs: int, layers: Callable[[int], Sequence[LayerMetrics]] = no_layers) -> Lease:
        """Claim a job and record its first epochs; the job goes on."""
        lease = self.worker.claim(job_id)
        for epoch in range(1, epochs + 1):
            figures = {**FIGURES, "loss": 0.1 / epoch, "val_loss": 0.05 / epoch}
            self.worker.record(lease, epoch, layers=layers(epoch), **figures)
        return lease

    def succeed(self, job_id: str, *, epochs: int) -> None:
        self.worker.succeed(self.train(job_id, epochs=epochs), TESTED)

    def fail(self, job_id: str, error: TrainingError) -> None:
        self.worker.fail(self.train(job_id, epochs=1), error)


@contextmanager
def started(database_url: str, **settings: Any) -> Iterator[Service]:
    chosen = Settings(database_url=database_url, broker_url="redis://127.0.0.1:1/0", reconcile_seconds=60, **settings)
    sessions = connect(database_url)
    with serve(create_app(chosen), lifespan="on") as url:
        yield Service(url, sessions)
    sessions.close()


Lab = Callable[..., Result]
"""`activation-lab`, called with these arguments."""
