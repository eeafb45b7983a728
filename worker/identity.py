"""The name of a worker, which nobody else has while it runs and which it gets back when it starts again."""

import fcntl
import socket
from pathlib import Path
from typing import IO
from uuid import uuid4

MAX_HOST_LENGTH = 200
"""Characters of the machine's name: SQL keeps 255 of a worker's with its process."""


def acquire_name(folder: Path) -> tuple[str, IO[str]]:
    """Return a name and the lock that holds it. A lock that is free proves that its last holder is dead."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        path = folder / f"{number}.lock"
        lock = path.open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return read_or_make_name(lock), lock
    raise RuntimeError(f"a thousand workers share {folder}")


def read_or_make_name(lock: IO[str]) -> str:
    """Return the name in the lock file, made at its first use so that no other machine has it."""
    lock.seek(0)
    name = lock.read()
    if not name:
        name = f"worker-{uuid4().hex[:8]}@{socket.gethostname()[:MAX_HOST_LENGTH]}"
        lock.write(name)
        lock.flush()
    return name
