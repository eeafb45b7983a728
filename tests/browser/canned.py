"""Histories of any size, without training them: an API on a socket, and rows written straight to its database."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import httpx
import uvicorn
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from api.main import create_app
from db import schema
from db.models import Epoch, Event, Job, Layer
from db.session import Sessions, connect
from runtime.settings import Settings

ENDED = frozenset({"succeeded", "failed", "cancelled"})
LAYERS = ("conv1", "conv2", "dense1", "dense2", "output")


@dataclass(frozen=True)
class Canned:
    """A service without a worker."""

    http: httpx.Client
    sessions: Sessions

    def sweep(self, **body: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.http.post("/v1/sweeps", json=body).raise_for_status().json()
        return found

    def job(self, **spec: Any) -> str:
        body = {"activation": "relu", **spec}
        return str(self.http.post("/v1/jobs", json=body).raise_for_status().json()["id"])

    def play(self, job_id: str, *, epochs: int, state: str, rate: float = 1.0, layers: bool = False) -> None:
        """Record a job as trained so far, ended or still in this state."""
        rows = [epoch(job_id, number, rate) for number in range(1, epochs + 1)]
        events: list[tuple[str, dict[str, Any]]] = [("epoch", {"epoch": row["epoch"]}) for row in rows]
        if state in ENDED:
            events += [("state", {"state": state, "reason": "canned", "attempt": 1}), ("end", {"state": state})]
        with self.sessions.begin() as session:
            seq = session.scalar(select(Job.event_seq).where(Job.id == job_id)) or 0
            self.write(session, Epoch, rows)
            self.write(
                session, Event, [event(job_id, seq + place, *each) for place, each in enumerate(events, start=1)]
            )
            if layers:
                self.write(session, Layer, [layer for row in rows for layer in layer_rows(job_id, row["epoch"])])
            values = {**standing(state, rows), "event_seq": seq + len(events)}
            session.execute(update(Job).where(Job.id == job_id).values(**values))

    @staticmethod
    def write(session: Session, model: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            session.execute(insert(model), rows)


def standing(state: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The columns of its job."""
    at = datetime.now(UTC)
    values: dict[str, Any] = {"state": state, "epochs_done": len(rows), "attempt": 1, "started_at": at}
    if state in ENDED:
        values["finished_at"] = at
    if rows:
        best = min(rows, key=lambda row: row["val_loss"])
        values |= {"epoch_seconds": rows[-1]["epoch_seconds"], "best_epoch": best["epoch"]}
        values |= {f"best_{name}": best[name] for name in ("val_loss", "val_accuracy")}
    if state == "succeeded":
        values |= {"test_loss": 0.1, "test_accuracy": rows[-1]["val_accuracy"], "test_binary_accuracy": 0.99}
    if state == "failed":
        values |= {"error_code": "diverged", "error_message": "the loss became nan"}
    if state == "running":
        values |= {"lease_owner": "worker/1", "lease_expires_at": at + timedelta(days=1)}
    return values


def event(job_id: str, seq: int, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"job_id": job_id, "seq": seq, "kind": kind, "data": data, "at": datetime.now(UTC)}


def epoch(job_id: str, number: int, rate: float) -> dict[str, Any]:
    loss = 0.7 * math.exp(-rate * number / 8) + 0.02 / rate + 0.004 * math.sin(number * rate)
    accuracy = max(0.0, min(1.0, 1 - loss))
    figures = {"loss": loss, "accuracy": accuracy, "binary_accuracy": accuracy}
    return {
        "job_id": job_id,
        "epoch": number,
        "attempt": 1,
        **figures,
        **{f"val_{name}": value for name, value in figures.items()},
        "learning_rate": 1e-3,
        "epoch_seconds": 78.0,
        "images_per_second": 72.0,
        "recorded_at": datetime.now(UTC),
    }


def layer_rows(job_id: str, number: int) -> Sequence[Mapping[str, Any]]:
    return [
        {
            "job_id": job_id,
            "epoch": number,
            "layer": layer,
            "position": place,
            "gradient_norm": 10 ** (-place - number / 400),
            "update_ratio": 1e-3 / (place + 1),
            "activation_mean": math.sin(number / 40 + place),
            "activation_variance": 0.5 + place,
            "zero_fraction": 0.3,
            "dead_fraction": min(1.0, number / 2000 * place),
            "saturated_fraction": 0.1 * place,
            "clipped_fraction": 0.0,
        }
        for place, layer in enumerate(LAYERS)
    ]


@contextmanager
def canned(folder: Path) -> Iterator[Canned]:
    url = f"sqlite:///{folder / 'activation-lab.db'}"
    schema.migrate(url)
    settings = Settings(
        database_url=url,
        data_dir=folder,
        broker_url="redis://127.0.0.1:1/0",
        reconcile_seconds=3600,
        max_unfinished_jobs=10_000,
    )
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_config=None, timeout_graceful_shutdown=1))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        sleep(0.02)
    sessions = connect(url)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as http:
            yield Canned(http, sessions)
    finally:
        server.should_exit = True
        thread.join()
        sessions.close()
