"""A real API on a real socket, and the worker's part played by hand."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from typer.testing import Result

from api.main import create_app
from db import leases
from db.session import Sessions, connect
from jobs.errors import TrainingError
from jobs.metrics import EpochMetrics, Evaluation
from runtime.settings import Settings


@contextmanager
def serving(app: Callable[..., Any]) -> Iterator[str]:
    """The URL of an ASGI app behind uvicorn."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@dataclass(frozen=True)
class Service:
    """A service whose broker is away and whose only worker is the test."""

    url: str
    sessions: Sessions

    def train(self, job_id: str, *, epochs: int) -> leases.Lease:
        with self.sessions.begin() as session:
            claim = leases.claim(session, job_id, "worker-1", lease_seconds=60)
            assert claim is not None
            for epoch in range(1, epochs + 1):
                leases.record_epoch(session, claim.lease, metrics(epoch))
        return claim.lease

    def succeed(self, job_id: str, *, epochs: int) -> None:
        lease = self.train(job_id, epochs=epochs)
        with self.sessions.begin() as session:
            leases.succeed(session, lease, Evaluation(loss=0.02, accuracy=0.9601, binary_accuracy=0.992))

    def fail(self, job_id: str, error: TrainingError) -> None:
        lease = self.train(job_id, epochs=1)
        with self.sessions.begin() as session:
            leases.fail(session, lease, error)


def metrics(epoch: int) -> EpochMetrics:
    return EpochMetrics(
        epoch=epoch,
        loss=0.1 / epoch,
        accuracy=0.9,
        binary_accuracy=0.98,
        val_loss=0.05 / epoch,
        val_accuracy=0.95,
        val_binary_accuracy=0.99,
        learning_rate=1e-3,
        epoch_seconds=2.5,
        images_per_second=2000.0,
    )


@contextmanager
def started(database_url: str, **settings: Any) -> Iterator[Service]:
    chosen = Settings(database_url=database_url, broker_url="redis://127.0.0.1:1/0", reconcile_seconds=60, **settings)
    sessions = connect(database_url)
    with serving(create_app(chosen)) as url:
        yield Service(url, sessions)
    sessions.close()


Lab = Callable[..., Result]
"""`activation-lab`, called with these arguments."""
