import os
import signal
import threading
from pathlib import Path

import pytest

from runtime.settings import Settings
from stack import up
from stack.errors import Interrupted
from stack.gate import Gate
from stack.processes import Child
from stack.up import Stack, catch_signals, run_stack


@pytest.fixture
def stack() -> Stack:
    return Stack("", [], threading.Event(), Path(os.devnull), Path())


def test_the_stack_is_supervised_until_the_work_is_done(stack: Stack):
    assert stack.supervise_during(lambda: 7) == 7
    assert stack.stopping.is_set()


def test_what_goes_wrong_in_the_work_is_raised(stack: Stack):
    def work() -> None:
        raise ValueError("selu failed")

    with pytest.raises(ValueError, match="selu failed"):
        stack.supervise_during(work)


def test_a_signal_does_not_wait_for_the_work(stack: Stack):
    never = threading.Event()
    stack.stopping.set()
    with pytest.raises(Interrupted):
        stack.supervise_during(never.wait)
    never.set()


def test_the_api_starts_while_the_database_is_migrated_and_the_worker_when_it_is_ready(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    steps: list[str] = []
    monkeypatch.setattr(Child, "start", lambda child: steps.append(f"start {child.name}"))
    monkeypatch.setattr(up, "prepare_data", lambda _: steps.append("migrate"))
    monkeypatch.setattr(Gate, "open", lambda _: steps.append("open the gate"))
    monkeypatch.setattr(up, "wait_until_ready", lambda *_, **__: steps.append("wait"))
    with (
        Path(os.devnull).open("w") as log,
        run_stack(Settings(data_dir=tmp_path), host="127.0.0.1", port=0, log_to=log),
    ):
        assert steps == ["start api", "start valkey", "migrate", "open the gate", "wait", "start worker"]


def test_signals_are_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with catch_signals() as stopping:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopping.wait(5)
    assert signal.getsignal(signal.SIGTERM) == before
