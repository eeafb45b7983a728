"""Time from POST to the first training batch on a warm worker, beside Ray Jobs' time to a job's first line."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from bench.contestants import Peer
from bench.figures import Figures, Measure
from db import schema
from runtime.settings import sqlite_url
from stack.listening import find_free_port
from stack.processes import Child
from stack.valkey import make_valkey

TINY = {"activation": "relu", "epochs": 1, "train_samples": 128, "validation": {"kind": "holdout", "fraction": 0.001}}
WORKER = "from worker.main import main; from runtime import settings; main(settings.read(), tasks='bench.first_batch')"
RAY = {"RAY_USAGE_STATS_ENABLED": "0"}


def measure(figures: Figures, *, jobs: int) -> None:
    with (
        TemporaryDirectory() as folder,
        run_parts(Path(folder)) as client,
        Peer("-m", "bench.peers.ray_jobs", environment=RAY) as ray,
    ):
        submit(client, Path(folder))  # the first reads MNIST
        contestants: dict[str, Measure] = {
            "POST to first batch": partial(submit, client, Path(folder)),
            "submit to first line, Ray Jobs": ray.measure,
        }
        figures.alternate(contestants, rounds=jobs)


@contextmanager
def run_parts(folder: Path) -> Iterator[httpx.Client]:
    """Run the parts of `up`, with a worker that notes when a job's first batch begins."""
    port = find_free_port()
    with (folder / "log").open("w") as log:
        broker = make_valkey(folder, log)
        broker.start()
        environment = {
            **os.environ,
            "BENCH_FOLDER": str(folder),
            "ACTIVATION_LAB_DATA_DIR": str(folder),
            "ACTIVATION_LAB_BROKER_URL": broker.url,
        }
        schema.migrate(sqlite_url(folder / "activation-lab.db"))
        commands = {"api": ["-m", "stack", "api", "--port", str(port)], "worker": ["-c", WORKER]}
        parts = [Child(name, [sys.executable, *words], environment, log) for name, words in commands.items()]
        for part in parts:
            part.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            wait_for_worker(client)
            yield client
        for part in (*parts, broker):
            part.ask_to_stop()
            part.stop_by(time.monotonic() + 10)


def wait_for_worker(client: httpx.Client) -> None:
    while not has_worker(client):
        time.sleep(0.1)


def has_worker(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").is_success and bool(client.get("/v1/workers").json()["data"])
    except httpx.TransportError:  # it does not listen yet
        return False


def submit(client: httpx.Client, folder: Path) -> Iterator[float]:
    number = str(len(list(folder.glob("[0-9]*"))))
    noted = folder / number
    posted = time.time()
    job = client.post("/v1/jobs", json={**TINY, "metadata": {"number": number}}).raise_for_status().json()
    while not noted.exists():
        time.sleep(0.02)
    client.post(job["links"]["cancel"])
    while client.get(job["links"]["self"]).json()["finished_at"] is None:
        time.sleep(0.02)
    yield float(noted.read_text()) - posted
