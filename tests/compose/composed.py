"""The compose stack on a real engine, and what must hold of its jobs, read over HTTP. Of Python's own library alone."""

import json
import os
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from http.client import HTTPException
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

PROJECT = Path(__file__).resolve().parents[2]
WORKERS = 2
OPENER = build_opener(ProxyHandler({}))
Answer = TypeVar("Answer")
MEASURED = {"attempt", "epoch_seconds", "images_per_second", "recorded_at"}
"""The columns of a history that may differ between two trainings of one spec."""


class Stack:
    """A compose project of its own, with its own volumes and port, and images under tags of their own."""

    def __init__(self) -> None:
        self.name = f"activation-lab-run-{os.getpid()}"
        self.port = free_port()
        self.environment = environment(COMPOSE_PROJECT_NAME=self.name, PUBLISHED_PORT=str(self.port))
        self.key = ""

    def create_key(self, name: str) -> None:
        """Create a key of the service, with which everything is asked from now on."""
        self.key = self.compose("run", "--rm", "--no-TTY", "api", "keys", "create", name).strip()

    def back_up(self, file: Path) -> None:
        with file.open("wb") as archive:
            words = ["docker", "compose", "exec", "--no-TTY", "api", "activation-lab", "backup", "-"]
            subprocess.run(words, cwd=PROJECT, env=self.environment, stdout=archive, check=True)

    def restore(self, file: Path) -> None:
        with file.open("rb") as archive:
            words = ["docker", "compose", "run", "--rm", "--no-TTY", "api", "restore", "-"]
            subprocess.run(words, cwd=PROJECT, env=self.environment, stdin=archive, check=True)

    def compose(self, *arguments: str, check: bool = True) -> str:
        return sh("docker", "compose", *arguments, environment=self.environment, check=check)

    def up(self, *, workers: int = WORKERS) -> None:
        self.compose("up", "--detach", "--wait", "--wait-timeout", "300", "--scale", f"worker={workers}")

    def down(self) -> None:
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")

    def containers(self) -> list[dict[str, Any]]:
        """Inspect every container, the stopped ones too."""
        ids = self.compose("ps", "--all", "--quiet").split()
        found: list[dict[str, Any]] = json.loads(sh("docker", "inspect", *ids)) if ids else []
        return found

    def healthy(self) -> bool:
        staying = [one for one in self.containers() if service(one) not in {"migrate", "roles"}]
        states = Counter((service(one), health(one)) for one in staying)
        wanted = {"postgres": 1, "valkey": 1, "api": 1, "worker": WORKERS}
        return states == {(name, "healthy"): count for name, count in wanted.items()}

    def restarts(self, name: str) -> int:
        """Count the engine's own restarts of this service's containers."""
        return sum(one["RestartCount"] for one in self.containers() if service(one) == name)

    def get(self, path: str) -> bytes:
        return until(lambda: self.ask(Request(self.url(path))), path, seconds=180)

    def status(self, path: str, *, key: str) -> int:
        """The status of an answer to somebody with this key."""
        try:
            with OPENER.open(Request(self.url(path), headers={"Authorization": f"Bearer {key}"}), timeout=20) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    def read(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get(path))
        return found

    def submit(self, spec: Mapping[str, Any], key: str) -> str:
        """The new job's id. What was not answered is asked again under the same key, until it is."""
        body = json.dumps(spec).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        request = Request(self.url("/v1/jobs"), body, headers)
        return str(json.loads(until(lambda: self.ask(request), "a job is accepted", seconds=180))["id"])

    def ask(self, request: Request) -> bytes:
        """The answer's body, empty where nobody is there to answer yet. Refusals are raised."""
        request.add_header("Authorization", f"Bearer {self.key}")
        try:
            with OPENER.open(request, timeout=20) as answer:
                body: bytes = answer.read()
                return body
        except HTTPError as error:
            if error.code < 500:
                raise RuntimeError(f"{error.code} {error.read().decode()}") from error
        except (OSError, HTTPException):
            pass  # the connection broke: the service is away
        return b""

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def record(self, job_id: str) -> "Record":
        return Record(
            job=self.read(f"/v1/jobs/{job_id}"),
            epochs=self.read(f"/v1/jobs/{job_id}/history")["epochs"],
            events=events(self.get(f"/v1/jobs/{job_id}/stream").decode()),
        )

    def weights(self, job_id: str) -> str:
        """The digest of its last checkpoint."""
        newest = self.read(f"/v1/jobs/{job_id}/checkpoints")["checkpoints"][0]["epoch"]
        return sha256(self.get(f"/v1/jobs/{job_id}/checkpoints/{newest}")).hexdigest()


@dataclass(frozen=True)
class Record:
    """All that an ended job leaves behind; events are (number, kind)."""

    job: dict[str, Any]
    epochs: list[dict[str, Any]]
    events: list[tuple[int, str]]

    @cached_property
    def figures(self) -> list[dict[str, Any]]:
        """Its epochs without what names an attempt or measures time; JSON carries every float exactly."""
        return [{name: value for name, value in epoch.items() if name not in MEASURED} for epoch in self.epochs]


def violations(record: Record, reference: Record) -> list[str]:
    """List the invariants that an ended job breaks, whatever happened to the parts of the stack."""
    kinds = [kind for _, kind in record.events]
    attempts = [epoch["attempt"] for epoch in record.epochs]
    every_epoch = list(range(1, record.job["spec"]["epochs"] + 1))
    promises = {
        "it succeeds": record.job["state"] == "succeeded",
        "it has one end": kinds.count("end") == 1,
        "its end is its last event": kinds[-1:] == ["end"],
        "its events have no gap": [number for number, _ in record.events] == list(range(1, len(kinds) + 1)),
        "its epochs are there once each": [epoch["epoch"] for epoch in record.epochs] == every_epoch,
        "each epoch is told once": kinds.count("epoch") == len(every_epoch),
        "the attempt never falls": all(before <= after for before, after in pairwise(attempts)),
        "its history is the reference's, bit for bit": record.figures == reference.figures,
    }
    return [promise for promise, kept in promises.items() if not kept]


def events(stream: str) -> list[tuple[int, str]]:
    """The numbers and kinds in a stream of server-sent events."""
    blocks = [block.splitlines() for block in stream.split("\n\n")]
    fields = [dict(line.split(": ", 1) for line in lines if ": " in line) for lines in blocks]
    return [(int(event["id"]), event["event"]) for event in fields if "id" in event]


def service(container: Mapping[str, Any]) -> str:
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def health(container: Mapping[str, Any]) -> str:
    state = container["State"]
    return str(state["Health"]["Status"]) if state["Running"] else "stopped"


def until(question: Callable[[], Answer], what: str, *, seconds: float) -> Answer:
    """The first answer that is not empty."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)
    return answer


def environment(**chosen: str) -> dict[str, str]:
    """Ours without the settings somebody may have chosen for another stack, on the files of this checkout."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("ACTIVATION_LAB_", "COMPOSE_"))}
    files = os.environ.get("COMPOSE_FILE", "docker-compose.yml").split(os.pathsep)
    fixed = {
        "COMPOSE_FILE": os.pathsep.join([*files, "tests/compose/images.yml"]),
        "COMPOSE_DISABLE_ENV_FILE": "1",
        "POSTGRES_PASSWORD": "of-a-test",
        "API_DATABASE_PASSWORD": "of-the-api",
        "WORKER_DATABASE_PASSWORD": "of-the-worker",
        "VALKEY_PASSWORD": "of-a-test",
        "ACTIVATION_LAB_WORKER_THREADS": "1",
    }
    return ours | chosen | fixed


def sh(*command: str, environment: Mapping[str, str] | None = None, check: bool = True) -> str:
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port
