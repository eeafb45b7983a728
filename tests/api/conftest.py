from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.main import create_app
from jobs.access import Scope
from runtime.settings import Settings
from tests.support.access import Headers, change_settings, make_key
from tests.support.fake_worker import FakeWorker


class RecordingHints:
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
        allowed_hosts="testserver",
        max_unfinished_jobs=20,
        max_body_bytes=10_000,
        reconcile_seconds=60,
        predict_seconds=1,
    )
    created = create_app(settings)
    created.state.hints.close()
    created.state.hints = RecordingHints()
    return created


@pytest.fixture
def hints(app: FastAPI) -> RecordingHints:
    recording: RecordingHints = app.state.hints
    return recording


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def with_keys(app: FastAPI) -> None:
    change_settings(app, auth="keys")


@pytest.fixture
def anna(app: FastAPI) -> Headers:
    return make_key(app, "anna")


@pytest.fixture
def bob(app: FastAPI) -> Headers:
    return make_key(app, "bob")


@pytest.fixture
def admin(app: FastAPI) -> Headers:
    return make_key(app, "root", scope=Scope.ADMIN)


@pytest.fixture
def reader(app: FastAPI) -> Headers:
    """A key that reads what anna has."""
    return make_key(app, "wall", owner="anna", scope=Scope.READ)


@pytest.fixture
def worker(app: FastAPI) -> FakeWorker:
    return FakeWorker(app.state.sessions)


@pytest.fixture
def train(worker: FakeWorker) -> Callable[..., None]:
    """Trains a job to its end: an epoch for each validation loss."""

    def train_to_end(job_id: str, *val_losses: float, seconds: float = 2.0) -> None:
        lease = worker.claim(job_id)
        for epoch, val_loss in enumerate(val_losses, start=1):
            worker.record(lease, epoch, val_loss=val_loss, val_accuracy=1 - val_loss, epoch_seconds=seconds)
        worker.succeed(lease)

    return train_to_end


@pytest.fixture(scope="session")
def static() -> Iterator[TestClient]:
    """A client of the page and of the documentation, which need no database."""
    settings = Settings(database_url="sqlite://", reconcile_seconds=60, allowed_hosts="testserver")
    with TestClient(create_app(settings)) as opened:
        yield opened
