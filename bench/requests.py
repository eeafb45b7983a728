"""Requests to the service beside the same to a bare Starlette app and to MLflow's server."""

import json
import random
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from bench.contestants import Connection, Server, run_up
from bench.figures import Figures, time_calls, time_warm
from bench.mlflow_server import MLflow
from bench.simulated_workers import Checkpoints, Clock, Notes, metrics
from db import leases
from db.session import Sessions, connect
from jobs.metrics import EpochMetrics
from runtime.settings import sqlite_url
from stack.listening import find_free_port
from worker.heartbeat import Heartbeat
from worker.journal import Entry, Journal

SPEC = {"activation": "gelu", "epochs": 1000, "metadata": {"client": "1"}}
LISTED = 100
READ_FROM_MLFLOW = ("loss", "accuracy", "val_loss", "val_accuracy")
LEASE_SECONDS = 3600.0


def measure(figures: Figures, *, rounds: int, batch: int, points: int) -> None:
    """Measure on rounds x batch jobs, the first of which has as many epochs."""
    with (
        TemporaryDirectory() as ours,
        TemporaryDirectory() as theirs,
        run_up(Path(ours)) as up,
        up.suspend_worker(),
        make_bare_app() as bare,
        MLflow(Path(theirs)) as mlflow,
        closing(Connection(up.url)) as http,
        closing(connect(sqlite_url(Path(ours) / "activation-lab.db"), pool_size=4, goes_first=True)) as sessions,
    ):
        service = Service(http, sessions)
        measure_writes(figures, service, mlflow, rounds=rounds, batch=batch)
        record_one_epoch_each(service, mlflow)
        measure_reads(figures, service, mlflow, rounds=rounds, batch=batch)
        measure_beside_starlette(figures, service, bare, rounds=rounds, batch=batch)
        measure_evaluation(figures, service, bare, rounds=rounds, points=points)


def make_bare_app() -> Server:
    port = find_free_port()
    return Server("-m", "bench.peers.bare", str(port), url=f"http://127.0.0.1:{port}", ready="/healthz")


@dataclass(frozen=True, slots=True)
class Service:
    http: Connection
    sessions: Sessions
    jobs: list[str] = field(default_factory=list)

    def post_job(self) -> None:
        self.jobs.append(self.http.post("/v1/jobs", SPEC)["id"])

    def read_history(self) -> bytes:
        return self.http.get(f"/v1/jobs/{self.jobs[0]}/history")

    def list_best(self) -> bytes:
        return self.http.get(f"/v1/jobs?sort=-best_val_accuracy&limit={LISTED}")


class Recorder:
    """A worker that has claimed a job, and records epochs which nobody trained. It writes rows and no files."""

    def __init__(self, sessions: Sessions, job_id: str) -> None:
        with sessions.begin() as session:
            claim = leases.claim(session, job_id, "bench/1", lease_seconds=LEASE_SECONDS)
        assert claim is not None
        self.lease = claim.lease
        self.clock = Clock(Notes(), 0.0)
        heartbeat = Heartbeat(sessions, self.lease, LEASE_SECONDS, 10, Event())  # whose thread is not started
        self.journal = Journal(sessions, self.lease, heartbeat, Checkpoints().delete)

    def record(self) -> None:
        self.clock.epoch += 1
        checkpoint = Checkpoints().save(self.lease.job_id, self.clock.epoch, self.lease.attempt, {})
        self.journal.record(Entry(make_metrics(self.clock.epoch), self.clock.layers, checkpoint))


def make_metrics(epoch: int) -> EpochMetrics:
    return replace(metrics(epoch), loss=random.random(), val_loss=random.random(), val_accuracy=random.random())


class MlflowRecorder:
    def __init__(self, mlflow: MLflow, run: int) -> None:
        self.mlflow, self.run, self.epoch = mlflow, run, 0

    def record(self) -> None:
        self.epoch += 1
        figures = asdict(make_metrics(self.epoch))
        del figures["epoch"], figures["epoch_seconds"]  # which leaves eight
        self.mlflow.log_epoch(self.run, self.epoch, figures)


def measure_writes(figures: Figures, service: Service, mlflow: MLflow, *, rounds: int, batch: int) -> None:
    post = {
        "POST a job": partial(time_warm, service.post_job, batch),
        "POST a job, MLflow": partial(time_warm, mlflow.create_run, batch),
    }
    figures.alternate(post, rounds=rounds)
    ours, theirs = Recorder(service.sessions, service.jobs[0]), MlflowRecorder(mlflow, 0)
    record = {
        "record an epoch": partial(time_calls, ours.record, batch),
        "record an epoch, MLflow": partial(time_calls, theirs.record, batch),
    }
    figures.alternate(record, rounds=rounds)


def record_one_epoch_each(service: Service, mlflow: MLflow) -> None:
    """Give the other jobs and runs an epoch, for the list to sort by."""
    for job_id in service.jobs[1:]:
        Recorder(service.sessions, job_id).record()
    for run in range(1, len(mlflow.runs)):
        MlflowRecorder(mlflow, run).record()


def measure_reads(figures: Figures, service: Service, mlflow: MLflow, *, rounds: int, batch: int) -> None:
    epochs = json.loads(service.read_history())["epochs"]
    assert len(epochs) == rounds * batch
    contestants = {
        "history": partial(time_warm, service.read_history, batch),
        "history, MLflow": partial(time_warm, lambda: mlflow.read_history(0, READ_FROM_MLFLOW), batch),
        "list": partial(time_warm, service.list_best, batch),
        "list, MLflow": partial(time_warm, lambda: mlflow.search("val_accuracy", LISTED), batch),
    }
    figures.alternate(contestants, rounds=rounds)


def measure_beside_starlette(figures: Figures, service: Service, bare: Server, *, rounds: int, batch: int) -> None:
    path = f"/v1/jobs/{service.jobs[0]}"
    if not bare.reason:
        bare.connection.request("PUT", path, service.http.get(path))

    def get(service: Server | Service, path: str) -> Iterable[float]:
        connection = service.http if isinstance(service, Service) else service.connection
        return time_warm(lambda: connection.get(path), batch)

    contestants = {
        "GET healthz": partial(get, service, "/healthz"),
        "GET healthz, Starlette": partial(get, bare, "/healthz"),
        "GET a job": partial(get, service, path),
        "GET a job, Starlette": partial(get, bare, path),
    }
    figures.alternate(contestants, rounds=rounds)


def measure_evaluation(figures: Figures, service: Service, bare: Server, *, rounds: int, points: int) -> None:
    body = json.dumps({"x": [random.gauss(0, 3) for _ in range(points)]}).encode()

    def evaluate(service: Server | Service) -> Iterable[float]:
        connection = service.http if isinstance(service, Service) else service.connection
        return time_warm(lambda: connection.request("POST", "/v1/activations/gelu/evaluate", body), 3)

    contestants = {"evaluate": partial(evaluate, service), "evaluate, Starlette": partial(evaluate, bare)}
    figures.alternate(contestants, rounds=rounds)
