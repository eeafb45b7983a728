"""Child processes that cannot outlive their parent, not even when it is killed."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import IO

PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(slots=True)
class Child:
    """A process that can be started again after it died."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: IO[str]
    stdin_text: str = ""
    pass_fds: Sequence[int] = ()
    folder: Path | None = None
    """Its working directory; None = that of its parent."""
    process: subprocess.Popen[str] | None = field(default=None, init=False)

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603  # our own commands
            self.command,
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            stdout=self.log,
            stderr=self.log,
            text=True,
            pass_fds=self.pass_fds,
            cwd=self.folder,
            start_new_session=True,  # Ctrl-C goes to the parent alone, which stops its children in order
            preexec_fn=die_with(os.getpid()),  # noqa: PLW1509  # the hook takes no lock that a thread may hold
        )
        assert self.process.stdin is not None  # noqa: S101  # it is a pipe
        with self.process.stdin as stdin:
            stdin.write(self.stdin_text)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def exit_status(self) -> int | None:
        return None if self.process is None else self.process.returncode

    def ask_to_stop(self) -> None:
        if self.process is not None and self.alive:
            self.process.send_signal(signal.SIGTERM)

    def stop_by(self, deadline: float) -> None:
        """Wait for the process to end until `deadline` (on the monotonic clock), then kill it."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def die_with(parent: int) -> Callable[[], None] | None:
    """A hook for the child before it executes its program, to be killed when the parent dies (Linux only)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def hook() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call
            os._exit(1)

    return hook
