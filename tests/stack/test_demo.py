import json
import os
import signal
import threading
from pathlib import Path

import pytest

from jobs.spec import JobSpec
from runtime.settings import Settings
from stack import demo
from stack.up import Stack, set_by_signals


@pytest.fixture
def stack() -> Stack:
    return Stack("", [], threading.Event(), Path(os.devnull), Path())


def test_the_stack_is_supervised_until_the_work_is_done(stack: Stack):
    assert demo.while_supervised(stack, lambda: 7) == 7
    assert stack.stopping.is_set()


def test_what_goes_wrong_in_the_work_is_raised(stack: Stack):
    def work() -> None:
        raise demo.DemoFailed("selu failed")

    with pytest.raises(demo.DemoFailed, match="selu failed"):
        demo.while_supervised(stack, work)


def test_a_signal_does_not_wait_for_the_work(stack: Stack):
    never = threading.Event()
    stack.stopping.set()
    with pytest.raises(demo.Interrupted):
        demo.while_supervised(stack, never.wait)
    never.set()


def test_signals_are_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with set_by_signals() as stopping:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopping.wait(5)
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_demo_uses_no_database_or_broker_of_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("ACTIVATION_LAB_DATABASE_URL", "postgresql+psycopg://elsewhere/lab")
    monkeypatch.setenv("ACTIVATION_LAB_BROKER_URL", "redis://elsewhere")
    own = demo.settings_of_its_own(Settings(worker_threads=3, auth="keys"), tmp_path)
    assert own.database == f"sqlite:///{tmp_path}/activation-lab.db"
    assert "broker_url" not in own.model_fields_set
    assert (own.worker_threads, own.auth) == (3, "none")


@pytest.mark.parametrize("samples", [128, 54_000])
def test_the_bounds_of_the_samples_are_those_of_a_job(samples: int):
    asked = {"activation": "gelu", **demo.base(epochs=1, samples=samples)}
    assert JobSpec.model_validate_json(json.dumps(asked)).train_samples == samples
