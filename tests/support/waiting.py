"""Waiting for what another thread or process does."""

from collections.abc import Callable
from time import monotonic, sleep


def wait_for(condition: Callable[[], object], *, seconds: float) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"not within {seconds} s"
        sleep(0.05)
