"""`activation-lab` in a test: called, as a program of its own, and on a terminal."""

import os
import pty
import subprocess
import sys

from typer.testing import Result

from tests.support.recorded_runs import Lab

PROGRAM = [sys.executable, "-m", "stack"]


def submit_job(lab: Lab, *arguments: str) -> str:
    """The id of a job of two epochs."""
    result = lab("submit", "--activation", "relu", "--epochs", "2", *arguments)
    assert result.exit_code == 0, result.stderr
    return str(result.stdout).strip()


def assert_refused(result: Result, message: str) -> None:
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"activation-lab: {message}\n"


def run_program(*arguments: str, stdout: int = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env={**os.environ, **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def show_on_terminal(*arguments: str, **environment: str) -> str:
    """The text that the program shows on a terminal."""
    shown, terminal = pty.openpty()
    with subprocess.Popen([*PROGRAM, *arguments], env={**os.environ, **environment}, stdout=terminal) as process:
        os.close(terminal)
        found = b""
        try:
            while chunk := os.read(shown, 4096):
                found += chunk
        except OSError:  # Linux's way to say that the other side is closed
            pass
    os.close(shown)
    assert process.returncode == 0
    return found.decode()
