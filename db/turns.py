"""Turns at writing to SQLite, which has one writer at a time and whose waiting writers retry in no order.

In one process writers take turns in the order of their arrival, and a writer that gets no turn in time is refused.
Between processes a lock file beside the database gives priority: a worker holds it, shared, from before it requests the
write lock until its commit, and other processes begin no transaction meanwhile. The file only orders; SQLite's own lock
still decides. The kernel releases it when its holder dies.
"""

import fcntl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Protocol

from jobs.errors import DatabaseBusy

MOST_WAITING = 48
"""Fewer than the threads of the API, so that reads and probes always find a free one."""
WAIT_SECONDS = 4.0
"""From the request for a turn to the database's lock; then 503."""
FIRST_WAIT_SECONDS = 30.0
"""The same for processes with priority, which have no client that could retry."""
YIELD_SECONDS = 1.0
"""The longest wait for a process with priority; it may be suspended."""
DISREGARD_SECONDS = 10.0
POLL_SECONDS = 0.002


class Turns(Protocol):
    def turn(self) -> AbstractContextManager[float]:
        """Wait for a turn at writing, which lasts as long as the block; yields the seconds left to get the lock.

        Raises:
            DatabaseBusy: no turn came in time.
        """


class FirstTurns:
    """Turns of a process whose writes have priority: a worker's heartbeats and epochs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def turn(self) -> Iterator[float]:
        with open_lock(self._path) as file:
            if file is not None:
                announce(file)
            yield FIRST_WAIT_SECONDS


class OrderedTurns:
    """Turns of a process with many writers, such as the API."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changing = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()
        self._disregard_until = 0.0

    @contextmanager
    def turn(self) -> Iterator[float]:
        deadline = monotonic() + WAIT_SECONDS
        self._take(WAIT_SECONDS)
        try:
            self._let_through()
            yield max(0.1, deadline - monotonic())
        finally:
            self._pass_on()

    def _take(self, seconds: float) -> None:
        with self._changing:
            if not self._taken:
                self._taken = True
                return
            if len(self._waiting) >= MOST_WAITING:
                raise DatabaseBusy
            called = threading.Event()
            self._waiting.append(called)
        if called.wait(seconds):
            return
        with self._changing:
            if not called.is_set():
                self._waiting.remove(called)
                raise DatabaseBusy

    def _pass_on(self) -> None:
        with self._changing:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False

    def _let_through(self) -> None:
        """Wait while a process with priority requests the database or writes to it."""
        until = monotonic() + YIELD_SECONDS
        if monotonic() < self._disregard_until:
            return
        with open_lock(self._path) as file:
            while file is not None and is_announced(file):
                if monotonic() > until:
                    self._disregard_until = monotonic() + DISREGARD_SECONDS
                    return
                sleep(POLL_SECONDS)


@contextmanager
def open_lock(path: Path) -> Iterator[IO[str] | None]:
    """Open the lock file; None if that fails, because writing is possible without an order."""
    file = None
    with suppress(OSError):
        file = path.open("a")
    try:
        yield file
    finally:
        if file is not None:
            file.close()


def announce(file: IO[str]) -> None:
    """Hold the file, shared, until it is closed; a process that checks it holds it for microseconds."""
    for _ in range(100):
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return
        sleep(POLL_SECONDS / 4)


def is_announced(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False
