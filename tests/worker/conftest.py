import pytest

from db.session import Sessions
from tests.worker.scripted import ScriptedWorker


@pytest.fixture
def worker(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> ScriptedWorker:
    monkeypatch.setattr("worker.heartbeat.POLL_SECONDS", 0.01)
    return ScriptedWorker(sessions)
