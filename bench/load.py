"""Mixed traffic on a full service while a job trains and streams are open; writes docs/load.md.

The load pauses several times. It counts the answers by status, and measures the memory of each process and the
duration of each epoch, in the pauses and under load. The exit status is 1 where an answer was none of those that were
asked for, nor 429.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.contestants import run_up
from bench.load_page import PAGE, format_page
from bench.load_traffic import Epochs, Load, Measured, Plan, Usage
from bench.postgres import run_server

MAX_UNFINISHED_JOBS = 100
TRAINED = {
    "activation": "relu",
    "epochs": 1000,  # as many as there may be: they have to outlast the load
    "validation": {"kind": "holdout", "fraction": 0.001},
}
WAITING = {"activations": ["relu", "gelu"], "seeds": [*range(49)]}
"""A sweep that fills the queue but for one place, so that some of the jobs that are posted are refused."""
SETTLING_EPOCHS = 3
SAMPLE_SECONDS = 2.0


def main(**chosen: Any) -> None:
    plan = Plan(**(chosen or parse_arguments()))
    measured = measure(plan)
    page = format_page(plan, measured)
    print(page)
    if not chosen:
        PAGE.write_text(page)
    if failures := measured.load.unexpected.total():
        sys.exit(f"{failures} answers were none of those that were asked for")


def parse_arguments() -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--database", default="sqlite", choices=["sqlite", "postgres"])
    parser.add_argument("--minutes", type=float, default=20, help="of load, in all rounds together")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--alone-seconds", type=float, default=60, help="without load, before each round and at the end"
    )
    parser.add_argument("--samples", type=int, default=12_000, help="images of an epoch; the article's has 48,000")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rate", type=float, default=10, help="requests a second of all clients together, at most")
    parser.add_argument("--streams", type=int, default=20)
    return vars(parser.parse_args())


def measure(plan: Plan) -> Measured:
    with tempfile.TemporaryDirectory(prefix="activation-lab-load-") as folder, run_database(plan.database) as database:
        settings = {"max_unfinished_jobs": str(MAX_UNFINISHED_JOBS), "worker_threads": "1", **database}
        with run_up(Path(folder), **settings) as up, httpx.Client(base_url=up.url, trust_env=False, timeout=60) as http:
            job, sweep = start_training(http, plan.samples), fill_queue(http)
            load, usage, tree = Load({"job": job, "sweep": sweep}), Usage(), psutil.Process(up.process.pid)
            alone, loaded = [pause(http, job, plan.alone_seconds)], []
            for _ in range(plan.rounds):
                before = len(read_epochs(http, job))
                load.begin_round(plan.minutes * 60 / plan.rounds)
                asyncio.run(apply(load, plan, up.url, usage, tree))
                loaded.append(read_whole_epochs(http, job, after=before))
                alone.append(pause(http, job, plan.alone_seconds))
            return Measured(load, usage, Epochs(alone, loaded))


def pause(http: httpx.Client, job: str, seconds: float) -> list[float]:
    """Let the job train alone; returns the seconds of the epochs that began and ended meanwhile."""
    before = len(read_epochs(http, job))
    time.sleep(seconds)
    while not (epochs := read_whole_epochs(http, job, after=before)):
        time.sleep(SAMPLE_SECONDS)
    return epochs


@contextmanager
def run_database(kind: str) -> Iterator[dict[str, str]]:
    """Run PostgreSQL, or nothing where `up` uses SQLite; yields the settings for it."""
    if kind == "sqlite":
        yield {}
        return
    with run_server() as server:
        yield {"database_url": server.url("postgres")}


def start_training(http: httpx.Client, samples: int) -> str:
    """Submit the job that trains all the time, and wait until its first epochs are done."""
    job = str(http.post("/v1/jobs", json={**TRAINED, "train_samples": samples}).raise_for_status().json()["id"])
    while len(read_epochs(http, job)) < SETTLING_EPOCHS:
        time.sleep(0.5)
    return job


def fill_queue(http: httpx.Client) -> str:
    return str(http.post("/v1/sweeps", json=WAITING).raise_for_status().json()["id"])


def read_epochs(http: httpx.Client, job: str) -> list[float]:
    """Read how long each epoch took."""
    epochs = http.get(f"/v1/jobs/{job}/history").raise_for_status().json()["epochs"]
    return [epoch["epoch_seconds"] for epoch in epochs]


def read_whole_epochs(http: httpx.Client, job: str, *, after: int) -> list[float]:
    """Read the epochs that began and ended since this many had ended; the one under way then is not among them."""
    return read_epochs(http, job)[after + 1 :]


async def apply(load: Load, plan: Plan, url: str, usage: Usage, up: psutil.Process) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=plan.clients)
    paths = [f"/v1/jobs/{load.ids['job']}/stream", f"/v1/sweeps/{load.ids['sweep']}/stream"]
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60, limits=limits) as http:
        await asyncio.gather(
            *(load.keep_asking(http, interval_seconds=plan.clients / plan.rate) for _ in range(plan.clients)),
            *(load.listen(http, paths[number % 2]) for number in range(plan.streams)),
            sample(load, usage, up),
        )


async def sample(load: Load, usage: Usage, up: psutil.Process) -> None:
    before, began = read_cpu_seconds(up), time.monotonic()
    while not load.is_over():
        for name, process in name_processes(up).items():
            usage.mebibytes[name].append(process.memory_info().rss / 2**20)
        await asyncio.sleep(SAMPLE_SECONDS)
    usage.seconds += time.monotonic() - began
    usage.cpu_seconds.update({name: spent - before.get(name, 0.0) for name, spent in read_cpu_seconds(up).items()})


def read_cpu_seconds(up: psutil.Process) -> dict[str, float]:
    return {name: sum(process.cpu_times()[:2]) for name, process in name_processes(up).items()}


def name_processes(up: psutil.Process) -> dict[str, psutil.Process]:
    """Name the processes of the service: its parts, and the worker's process that trains."""
    named = {"up": up}
    for part in up.children():
        words = " ".join(part.cmdline())
        name = next((name for name in ("valkey", "worker", "api") if name in words), part.name())
        named[name] = part
        if name == "worker":
            named["training"] = next(child for child in part.children() if "spawn_main" in " ".join(child.cmdline()))
    return named


if __name__ == "__main__":
    main()
