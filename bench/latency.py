"""Time from POST to the first training batch on a warm worker: the real API, a real Valkey, a real worker."""

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

import httpx

from db import schema
from runtime.settings import sqlite_url
from stack.listening import find_free_port
from stack.processes import Child
from stack.up import answers
from stack.valkey import make_valkey

JOBS = 30
TINY = {"activation": "relu", "epochs": 1, "train_samples": 128, "validation": {"kind": "holdout", "fraction": 0.001}}
WORKER = "from worker.main import main; from runtime import settings; main(settings.read(), tasks='bench.first_batch')"


def main(*, jobs: int = JOBS) -> None:
    with tempfile.TemporaryDirectory() as folder:
        latencies = measure(Path(folder), jobs=jobs)
    print(f"POST to first batch, p50  {median(latencies) * 1000:7.0f} ms   ({jobs} jobs, warm worker)")
    print(f"POST to first batch, p95  {quantiles(latencies, n=20)[-1] * 1000:7.0f} ms")


def measure(folder: Path, *, jobs: int) -> list[float]:
    """Seconds for each job, one after the other; the first, which reads MNIST, is not counted."""
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
            latencies = [measure_job(client, folder, number) for number in range(jobs + 1)][1:]
        for part in (*parts, broker):
            part.ask_to_stop()
            part.stop_by(time.monotonic() + 10)
    return latencies


def wait_for_worker(client: httpx.Client) -> None:
    while not (answers(f"{client.base_url}/readyz") and client.get("/v1/workers").json()["data"]):
        time.sleep(0.1)


def measure_job(client: httpx.Client, folder: Path, number: int) -> float:
    noted = folder / str(number)
    posted = time.time()
    job = client.post("/v1/jobs", json={**TINY, "metadata": {"number": str(number)}}).raise_for_status().json()
    while not noted.exists():
        time.sleep(0.02)
    client.post(job["links"]["cancel"])
    while client.get(job["links"]["self"]).json()["finished_at"] is None:
        time.sleep(0.02)
    return float(noted.read_text()) - posted
