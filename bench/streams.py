"""Time from the commit of an epoch to each client that listens to its job, for many clients of one API process."""

import asyncio
import multiprocessing
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import quantiles
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

import psutil

from bench.figures import Figures
from bench.simulated_workers import NO_LIMIT, metrics
from bench.startup import run_api
from db import jobs as stored_jobs
from db import leases, schema
from db.leases import Lease
from db.session import Sessions, connect
from jobs.spec import JobSpec
from runtime.settings import sqlite_url

CONTEXT = multiprocessing.get_context("spawn")
EPOCH = re.compile(rb'event: epoch\ndata: {"epoch": ?([0-9]+)')
EPOCHS_PER_SECOND = 25.0
"""Of all jobs together: two seconds an epoch where fifty jobs train."""

Commits = Mapping[tuple[str, int], float]
"""Job id and epoch -> the moment after its commit; one clock serves all processes of a machine."""


def measure(figures: Figures, *, clients: int, jobs: int, seconds: float, rounds: int) -> None:
    contestants = {
        "streams": partial(find_p99, clients=clients, jobs=jobs, seconds=seconds),
        "streams, one client": partial(find_p99, clients=1, jobs=1, seconds=seconds),
    }
    figures.alternate(contestants, rounds=rounds)


def find_p99(*, clients: int, jobs: int, seconds: float) -> list[float]:
    found = listen_while_recording(clients=clients, jobs=jobs, seconds=seconds)
    connections, load = f"{found.connections} connections to the database", f"{found.cpu_seconds:.0%} of a core"
    print(f"{clients} clients on {jobs} jobs: {found.missed} epochs missed, {connections}, {load}")
    return [quantiles(found.seconds, n=100)[-1] if len(found.seconds) > 1 else max(found.seconds)]


@dataclass(frozen=True, slots=True)
class Measured:
    seconds: Sequence[float]
    """From commit to client."""
    missed: int
    """Epochs that were committed and reached no client."""
    connections: int
    """The most of the API's to the database."""
    cpu_seconds: float
    """Of the API, a second."""


def listen_while_recording(*, clients: int, jobs: int, seconds: float) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        url = sqlite_url(Path(folder) / "activation-lab.db")
        schema.migrate(url)
        held = start_jobs(url, jobs)
        commits = CONTEXT.SimpleQueue()
        writer = CONTEXT.Process(target=record_epochs, args=(url, held, seconds, commits))
        with run_api(folder) as api:
            listening = listen(api.url, [lease.job_id for lease in held], clients, writer, api.process.pid)
            listeners, connections, cpu_seconds = asyncio.run(listening)
            return compare(commits.get(), listeners, connections, cpu_seconds / seconds)


def start_jobs(url: str, count: int) -> list[Lease]:
    """Submit this many jobs and claim them."""
    sessions, held = connect(url), []
    for _ in range(count):
        with sessions.begin() as session:
            job, _ = stored_jobs.create(session, JobSpec(activation="relu", epochs=1000), max_unfinished=NO_LIMIT)
        with sessions.begin() as session:
            claim = leases.claim(session, job.id, "bench", lease_seconds=3600)
        assert claim is not None
        held.append(claim.lease)
    sessions.close()
    return held


def record_epochs(url: str, held: Sequence[Lease], seconds: float, commits: Any) -> None:
    """Record epochs of one job after the other, as their workers do, at an even rate."""
    sessions, moments = connect(url), {}
    began = monotonic()
    for number in range(int(seconds * EPOCHS_PER_SECOND)):
        sleep(max(0.0, began + number / EPOCHS_PER_SECOND - monotonic()))
        epoch, at = divmod(number, len(held))
        record(sessions, held[at], epoch + 1)
        moments[held[at].job_id, epoch + 1] = monotonic()
    sessions.close()
    commits.put(moments)


def record(sessions: Sessions, lease: Lease, epoch: int) -> None:
    with sessions.begin() as session:
        leases.record_epoch(session, lease, metrics(epoch))


@dataclass(slots=True)
class Listener(asyncio.Protocol):
    """A client, as light as can be: it shares the machine with what it measures."""

    job_id: str
    moments: dict[int, float] = field(default_factory=dict)
    """Epoch -> when it came."""
    rest: bytes = b""
    connected: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(f"GET /v1/jobs/{self.job_id}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        now = monotonic()
        self.connected.set()
        text = self.rest + data
        ended = text.rfind(b"\n\n") + 2 if b"\n\n" in text else 0
        for found in EPOCH.finditer(text[:ended]):
            self.moments[int(found[1])] = now
        self.rest = text[ended:]


async def listen(
    url: str, job_ids: Sequence[str], clients: int, writer: Any, api_pid: int
) -> tuple[list[Listener], int, float]:
    """Listen until the writer has ended; returns the listeners, the API's connections and its seconds of CPU time."""
    host, port = urlsplit(url).netloc.split(":")
    api = psutil.Process(api_pid)
    listeners = [Listener(job_ids[number % len(job_ids)]) for number in range(clients)]
    loop = asyncio.get_running_loop()
    transports = [
        (await loop.create_connection(partial(return_it, listener), host, int(port)))[0] for listener in listeners
    ]
    for listener in listeners:
        await listener.connected.wait()
    await asyncio.sleep(1)  # for the events of the past
    writer.start()
    before, connections = sum(api.cpu_times()[:2]), 0
    while writer.is_alive():
        connections = max(connections, count_connections(api))
        await asyncio.sleep(0.5)
    await asyncio.sleep(1)  # for the last events
    spent = sum(api.cpu_times()[:2]) - before
    for transport in transports:
        transport.abort()
    return listeners, connections, spent


def return_it(listener: Listener) -> Listener:
    return listener


def count_connections(api: psutil.Process) -> int:
    return sum(file.path.endswith("activation-lab.db") for file in api.open_files())


def compare(commits: Commits, listeners: Sequence[Listener], connections: int, cpu_seconds: float) -> Measured:
    seconds, missed = [], 0
    for listener in listeners:
        for (job_id, epoch), committed_at in commits.items():
            if job_id == listener.job_id:
                came_at = listener.moments.get(epoch)
                missed += came_at is None
                seconds += [] if came_at is None else [came_at - committed_at]
    return Measured(seconds, missed, connections, cpu_seconds)
