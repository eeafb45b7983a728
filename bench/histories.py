"""The history of the largest sweep, in each format: how long it takes, and the most memory that the API holds for it.

`python -m bench.histories`
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import httpx
from sqlalchemy import text

from bench.startup import run_api
from db import schema, sweeps
from db.session import connect
from jobs.sweep import SweepSpec, expand
from runtime.settings import sqlite_url

FORMATS = ("json", "csv", "ndjson", "parquet")
CLIENTS = (1, 4)
EPOCHS = """
    WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :epochs)
    INSERT INTO epochs
    SELECT id, n, 1, r(), r(), r(), r(), r(), r(), 0.001, 30 + r(), 1600 + r(), strftime('%Y-%m-%d %H:%M:%f000', 'now')
    FROM jobs, counted""".replace("r()", "(abs(random()) / 9.3e18)")
SUCCEEDED = """
    UPDATE jobs SET state = 'succeeded', finished_at = created_at, epochs_done = epochs_total, epoch_seconds = 30.5"""


def main(*, jobs: int = 512, epochs: int = 1000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sweep_id = store_sweep(sqlite_url(Path(folder) / "activation-lab.db"), jobs=jobs, epochs=epochs)
        print(f"history of {jobs} jobs of {epochs} epochs")
        for kind in FORMATS:
            for clients in CLIENTS:
                with run_api(folder) as api:
                    before = read_peak_mib(api.process.pid)
                    seconds, size = time_reads(f"{api.url}/v1/sweeps/{sweep_id}/history?format={kind}", clients)
                    grown = read_peak_mib(api.process.pid) - before
                figures = f"{seconds:7.1f} s {size / 1e6:7.1f} MB {grown:7.0f} MiB more resident"
                print(f"  {kind:8} {clients} at once {figures}")


def store_sweep(url: str, *, jobs: int, epochs: int) -> str:
    """Store a sweep whose jobs have all their epochs; returns its id."""
    schema.migrate(url)
    sessions = connect(url)
    spec = SweepSpec(activations=["relu"], seeds=[*range(jobs)], base={"epochs": epochs})
    with sessions.begin() as session:
        sweep, _, _ = sweeps.create(session, spec, expand(spec), max_unfinished=jobs, idempotency_key=None)
        session.execute(text(EPOCHS), {"epochs": epochs})
        session.execute(text(SUCCEEDED))
    sessions.close()
    return sweep.id


def time_reads(url: str, clients: int) -> tuple[float, int]:
    """Read the URL with this many clients at once: the seconds until the last has it, and the bytes of one answer."""
    began = monotonic()
    with ThreadPoolExecutor(clients) as pool:
        sizes = [*pool.map(download, [url] * clients)]
    return monotonic() - began, sizes[0]


def download(url: str) -> int:
    with httpx.stream("GET", url, timeout=600) as answer:
        answer.raise_for_status()
        return sum(map(len, answer.iter_raw()))


def read_peak_mib(pid: int) -> float:
    """The process's largest resident memory so far (Linux only)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
