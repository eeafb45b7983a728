"""Time of the API's import and of its start, and its resident memory when it is ready."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import httpx
import psutil

from db import schema
from runtime.settings import sqlite_url
from stack.listening import find_free_port

RUNS = 5


def main(*, runs: int = RUNS) -> None:
    imports = [time_import() for _ in range(runs)]
    starts = [time_start() for _ in range(runs)]
    print(f"API import                {median(imports):7.2f} s    (median of {runs})")
    print(f"API start to ready        {median(seconds for seconds, _ in starts):7.2f} s    (median of {runs})")
    print(f"API resident when ready   {median(mib for _, mib in starts):7.0f} MiB")


def time_import() -> float:
    started = monotonic()
    subprocess.run([sys.executable, "-c", "import api.main"], check=True)
    return monotonic() - started


def time_start() -> tuple[float, float]:
    """Seconds until /healthz answers, process start included, and MiB resident then."""
    with run_api() as api:
        return api.seconds_to_ready, psutil.Process(api.process.pid).memory_info().rss / 2**20


@dataclass(frozen=True, slots=True)
class Api:
    url: str
    process: subprocess.Popen[bytes]
    seconds_to_ready: float


ONE_ADDRESS = {"ACTIVATION_LAB_MAX_STREAMS_PER_ADDRESS": "1000"}
"""All clients of a bench come from this machine."""


@contextmanager
def run_api(data_dir: str | None = None) -> Iterator[Api]:
    """The real API in a process until the block ends, on the database in that folder or in one of its own."""
    with tempfile.TemporaryDirectory() as own:
        folder = data_dir or own
        environment = {**os.environ, "ACTIVATION_LAB_DATA_DIR": folder, **ONE_ADDRESS}
        schema.migrate(sqlite_url(Path(folder) / "activation-lab.db"))
        port = find_free_port()
        started = monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "stack", "api", "--port", str(port)], env=environment, stderr=subprocess.DEVNULL
        )
        try:
            while not is_healthy(port):
                sleep(0.01)
            yield Api(f"http://127.0.0.1:{port}", process, monotonic() - started)
        finally:
            process.terminate()
            process.wait()


def is_healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
