"""How long the API takes to be imported and to be ready, and how much memory it holds then."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import httpx
import psutil

from db import schema
from stack.up import free_port

RUNS = 5


def main() -> None:
    imports = [import_seconds() for _ in range(RUNS)]
    starts = [start() for _ in range(RUNS)]
    print(f"API import                {median(imports):7.2f} s    (median of {RUNS})")
    print(f"API start to ready        {median(seconds for seconds, _ in starts):7.2f} s    (median of {RUNS})")
    print(f"API resident when ready   {median(mib for _, mib in starts):7.0f} MiB")


def import_seconds() -> float:
    started = monotonic()
    subprocess.run([sys.executable, "-c", "import api.main"], check=True)
    return monotonic() - started


def start() -> tuple[float, float]:
    """Seconds until /healthz answers, process start included, and MiB resident then."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ACTIVATION_LAB_DATA_DIR": folder}
        schema.migrate(f"sqlite:///{Path(folder) / 'activation-lab.db'}")
        port = free_port()
        started = monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "stack", "api", "--port", str(port)], env=environment, stderr=subprocess.DEVNULL
        )
        while not healthy(port):
            sleep(0.01)
        seconds = monotonic() - started
        resident = psutil.Process(process.pid).memory_info().rss / 2**20
        process.terminate()
        process.wait()
    return seconds, resident


def healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").is_success
    except httpx.TransportError:
        return False
