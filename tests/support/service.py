"""The real `activation-lab up`, and what a test does to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any

import httpx
import psutil
from httpx_sse import ServerSentEvent, connect_sse

from tests.support.figures import NOT_REPEATABLE

QUICK = {"train_samples": 256, "validation": {"kind": "holdout", "fraction": 0.001}}
"""A training of a few seconds, most of them for the test set at the end."""


class NotReady(Exception):
    """`up` ended instead."""


class Service:
    """A running stack, seen from outside."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.http = httpx.Client(base_url=url, timeout=30)

    def submit(self, **spec: Any) -> str:
        response = self.http.post("/v1/jobs", json={"activation": "relu", **QUICK, **spec})
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.http.get(f"/v1/jobs/{job_id}").raise_for_status().json()
        return job

    def events(self, job_id: str, *, after: int = 0) -> Iterator[ServerSentEvent]:
        """Yield a job's stored events. `progress` is none of them: it has no number, and only a slow epoch sends it."""
        headers = {"Last-Event-ID": str(after)} if after else {}
        with connect_sse(self.http, "GET", f"/v1/jobs/{job_id}/stream", headers=headers) as source:
            # httpx-sse makes an empty event of the comment that keeps a quiet connection open.
            yield from (event for event in source.iter_sse() if event.data and event.event != "progress")

    def ended(self, job_id: str, *, seconds: float = 100) -> dict[str, Any]:
        return self.until(job_id, lambda job: job["finished_at"] is not None, seconds=seconds)

    def until(self, job_id: str, condition: Any, *, seconds: float = 60) -> dict[str, Any]:
        deadline = monotonic() + seconds
        while not condition(job := self.job(job_id)):
            assert monotonic() < deadline, job
            sleep(0.05)
        return job

    def history(self, job_id: str) -> list[tuple[Any, ...]]:
        """Each epoch's figures, without those that name an attempt or measure time."""
        rows = self.http.get(f"/v1/jobs/{job_id}/history").json()["epochs"]
        return [tuple(value for name, value in row.items() if name not in NOT_REPEATABLE) for row in rows]

    def part(self, word: str) -> psutil.Process:
        """The child of `up` whose command line holds this word."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if word in " ".join(child.cmdline()))

    def trainer(self) -> psutil.Process:
        """The process that trains: the worker's child."""
        spawned = self.part("worker").children()
        return next(child for child in spawned if "spawn_main" in " ".join(child.cmdline()))

    def stop(self) -> None:
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def start(data_dir: Path, *options: str, stderr: IO[str] | None = None, **settings: str) -> Service:
    """Run `up` on this folder, with settings such as `lease_seconds`, and wait until it is ready."""
    command = [sys.executable, "-m", "stack", "up", "--port", "0", "--data-dir", str(data_dir), *options]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ACTIVATION_LAB_")}
    environment = {f"ACTIVATION_LAB_{name.upper()}": value for name, value in settings.items()}
    environment = {**inherited, **environment}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("ready http://"):
        raise NotReady(f"{line!r}; {log_of(data_dir)}")
    return Service(process, line.split()[1])


@contextmanager
def service_on(data_dir: Path, *options: str, **settings: str) -> Iterator[Service]:
    service = start(data_dir, *options, stderr=None, **settings)
    try:
        yield service
    finally:
        service.stop()


def log_of(data_dir: Path) -> str:
    log = data_dir / "stack.log"
    return log.read_text()[-3000:] if log.exists() else "no log"
