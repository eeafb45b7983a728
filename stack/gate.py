"""A gate for child processes, which prepare while their parent prepares something else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """A pipe whose writing end this process alone has: a child reads it, and goes on when it is closed.

    A child that is started after that goes on at once.
    """

    def __init__(self) -> None:
        self.fd, self._held = os.pipe()
        self._is_open = False

    def open(self) -> None:
        if not self._is_open:
            os.close(self._held)
            self._is_open = True


@contextmanager
def make_gate() -> Iterator[Gate]:
    gate = Gate()
    try:
        yield gate
    finally:
        gate.open()
        os.close(gate.fd)


def wait_for_gate(fd: int) -> None:
    """Wait, in the child, until the gate is open."""
    os.read(fd, 1)
