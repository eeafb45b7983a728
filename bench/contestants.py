"""The contestants of the benches: the service as `up` starts it, and peers in an environment of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic, sleep
from typing import IO, Any, Self
from urllib.parse import urlsplit

import psutil

from bench.figures import NotMeasured
from runtime.settings import PREFIX
from stack.processes import die_with

PROJECT = Path(__file__).parents[1]
PEERS = PROJECT / ".bench"
"""The folder of what `make bench` installs and writes."""
READY_WITHIN_SECONDS = 90.0
STOP_WITHIN_SECONDS = 20.0
ANSWER_WITHIN_SECONDS = 20.0
JSON_BODY = {"Content-Type": "application/json"}


class Connection:
    """A kept-alive connection, by the standard library: a client that costs less than what it measures."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.http = HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_WITHIN_SECONDS)

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        try:
            answer = self.send(method, path, body)
        except ConnectionError:  # the server closed it while it was idle
            self.http.close()
            answer = self.send(method, path, body)
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return content

    def send(self, method: str, path: str, body: bytes | None) -> HTTPResponse:
        self.http.request(method, path, body, JSON_BODY)
        return self.http.getresponse()

    def close(self) -> None:
        self.http.close()

    def get(self, path: str) -> bytes:
        return self.request("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return json.loads(self.request("POST", path, json.dumps(body).encode()))


# --- ours ---


@dataclass(frozen=True, slots=True)
class Up:
    url: str
    process: subprocess.Popen[str]
    seconds_to_ready: float

    @contextmanager
    def suspend_worker(self) -> Iterator[None]:
        """Keep the worker from using the processor: what is compared with the API has no worker."""
        parts = [part for part in psutil.Process(self.process.pid).children() if "worker" in part.cmdline()]
        processes = [process for part in parts for process in (part, *part.children(recursive=True))]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()


@contextmanager
def run_up(folder: Path, **settings: str) -> Iterator[Up]:
    """Run `activation-lab up` until the block ends; the settings are named as in the environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {PREFIX + name.upper(): value for name, value in settings.items()}
    command = [sys.executable, "-m", "stack", "up", "--port", "0", "--data-dir", str(folder)]
    began = monotonic()
    with TemporaryFile("w+") as errors:
        process = start(command, environment, errors)
        try:
            ready, _, url = read_line(process).partition(" ")
            if ready != "ready":
                raise RuntimeError(f"`up` did not start: {read_last_line(errors)}")
            yield Up(url, process, monotonic() - began)
        finally:
            stop(process)


# --- peers ---


class Server:
    """A peer's server until the block ends. One that does not start raises NotMeasured where it is used."""

    def __init__(self, *command: str, url: str, ready: str, environment: Mapping[str, str] | None = None) -> None:
        self.command = command
        self.ready = ready
        self._connection = Connection(url)
        self.environment = environment or {}
        self.reason = ""

    def __enter__(self) -> Self:
        self.errors = TemporaryFile("w+")  # closed below
        try:
            command = [str(find_peers_python()), *self.command]
            # A line a request goes to its output; in a pipe that nobody reads, it would end by waiting.
            self.process = start(command, {**os.environ, **self.environment}, self.errors, output=self.errors)
        except NotMeasured as error:
            self.reason = str(error)
        else:
            self.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        if hasattr(self, "process"):
            stop(self.process)
        self.errors.close()

    def wait_until_ready(self) -> None:
        deadline = monotonic() + READY_WITHIN_SECONDS
        while not self.answers():
            if self.process.poll() is not None or monotonic() > deadline:
                self.reason = f"it did not start: {read_last_line(self.errors)}"
                return
            sleep(0.1)

    def answers(self) -> bool:
        try:
            self._connection.get(self.ready)
        except (OSError, RuntimeError):
            self._connection.close()
            return False
        return True

    @property
    def connection(self) -> Connection:
        if self.reason:
            raise NotMeasured(self.reason)
        return self._connection


class Peer:
    """A process that takes one sample for each line that it is sent, until the block ends."""

    def __init__(self, *command: str, python: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        self.command = command
        self.python = python
        self.environment = environment or {}
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.errors = TemporaryFile("w+")  # closed below
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            stop(self.process)
        self.errors.close()

    def measure(self) -> list[float]:
        """Take a sample. The first call starts the process, and takes one more before it."""
        if self.process is None:
            command = [str(self.python or find_peers_python()), *self.command]
            self.process = start(command, {**os.environ, **self.environment}, self.errors)
            self.ask(self.process)
        return [self.ask(self.process)]

    def ask(self, process: subprocess.Popen[str]) -> float:
        assert process.stdin is not None
        try:
            process.stdin.write("\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # the reason is in its errors
        line = read_line(process)
        if not line:
            raise NotMeasured(f"it ended: {read_last_line(self.errors)}")
        return float(line)


def find_peers_python() -> Path:
    python = PEERS / "venv" / "bin" / "python"
    if not python.exists():
        raise NotMeasured("not installed")
    return python


# --- processes ---


def start(
    command: Sequence[str], environment: Mapping[str, str], errors: IO[str], *, output: IO[str] | int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Start a process that dies with this one."""
    return subprocess.Popen(
        command,
        env={**environment, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=errors,
        text=True,
        preexec_fn=die_with(os.getpid()),  # noqa: PLW1509  # it only calls prctl
    )


def stop(process: subprocess.Popen[str]) -> None:
    """Stop the process, and what it has started."""
    started = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.communicate(timeout=STOP_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    for child in started:
        if child.is_running():
            child.kill()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def read_last_line(errors: IO[str]) -> str:
    errors.seek(0)
    return ([line for line in errors.read().splitlines() if line.strip()] or ["no message"])[-1]
