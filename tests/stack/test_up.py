import os
import signal
import threading
from pathlib import Path

import pytest

from stack.errors import Interrupted
from stack.up import Stack, catch_signals


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


def test_signals_are_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with catch_signals() as stopping:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopping.wait(5)
    assert signal.getsignal(signal.SIGTERM) == before
