from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.main import create_app
from db import leases
from db.checkpoints import CheckpointFile
from db.leases import Lease
from db.session import Sessions
from jobs.metrics import EpochMetrics, LayerMetrics
from runtime.settings import Settings


class RecordingQueue:
    """Remembers hints; takes none while `away`."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.predictions: list[str] = []
        self.away = False

    def send(self, job_ids: Iterable[str]) -> list[str]:
        waiting = list(job_ids)
        if self.away:
            return waiting
        self.sent += waiting
        return []

    def send_prediction(self, prediction_id: str) -> None:
        self.predictions.append(prediction_id)

    def length(self) -> int:
        return len(self.sent)

    def close(self) -> None: ...


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> FastAPI:
    settings = Settings(
        database_url=database_url,
        data_dir=tmp_path,
        max_unfinished_jobs=20,
        max_body_bytes=10_000,
        reconcile_seconds=60,
        predict_seconds=1,
    )
    created = create_app(settings)
    created.state.queue.close()
    created.state.queue = RecordingQueue()
    return created


@pytest.fixture
def queue(app: FastAPI) -> RecordingQueue:
    hints: RecordingQueue = app.state.queue
    return hints


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


class Hand:
    """Does by hand what a worker does."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    def claim(self, job_id: str) -> Lease:
        with self.sessions.begin() as session:
            claimed = leases.claim(session, job_id, "worker/1", lease_seconds=60)
        assert claimed is not None
        return claimed.lease

    def record(self, lease: Lease, epoch: int, *, loss: float = 0.1, layers: Sequence[LayerMetrics] = ()) -> None:
        metrics = EpochMetrics(epoch, loss, 0.5, 0.9, 1 / 3, 0.6, 0.95, 1e-3, 2.0, 1000.0)
        with self.sessions.begin() as session:
            leases.record_epoch(session, lease, metrics, layers=layers)

    def checkpoint(self, lease: Lease, epoch: int) -> None:
        metrics = EpochMetrics(epoch, 0.1, 0.5, 0.9, 1 / 3, 0.6, 0.95, 1e-3, 2.0, 1000.0)
        file = CheckpointFile(epoch, lease.attempt, f"{lease.job_id}/{epoch}", "0" * 64, 1)
        with self.sessions.begin() as session:
            leases.record_epoch(session, lease, metrics, checkpoint=file)

    def cancel(self, lease: Lease) -> None:
        with self.sessions.begin() as session:
            leases.cancel(session, lease)


@pytest.fixture
def hand(app: FastAPI) -> Hand:
    return Hand(app.state.sessions)


@pytest.fixture(scope="session")
def static() -> Iterator[TestClient]:
    """For what needs no database: the page and the documentation."""
    with TestClient(create_app(Settings(database_url="sqlite://", reconcile_seconds=60))) as opened:
        yield opened
