"""Histories of any size, without training them: an API on a socket, and rows written straight to its database."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import httpx
import uvicorn
from sqlalchemy import insert, select, update

from api.main import create_app
from db import schema
from db.models import Epoch, Event, Job, Layer
from db.session import Sessions, connect
from jobs.settings import Settings

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
        """As if it had been trained so far, and ended or goes on in this state."""
        at, ended = datetime.now(UTC), state in {"succeeded", "failed", "cancelled"}
        rows = [epoch(job_id, number, rate) for number in range(1, epochs + 1)]
        accuracies = [row["val_accuracy"] for row in rows]
        values: dict[str, Any] = {
            "state": state,
            "epochs_done": epochs,
            "attempt": 1,
            "started_at": at,
            "finished_at": at if ended else None,
        }
        if rows:
            values |= {
                "epoch_seconds": rows[-1]["epoch_seconds"],
                "best_epoch": epochs,
                "best_val_loss": rows[-1]["val_loss"],
                "best_val_accuracy": max(accuracies),
            }
        if state == "succeeded":
            values |= {"test_loss": 0.1, "test_accuracy": accuracies[-1], "test_binary_accuracy": 0.99}
        if state == "failed":
            values |= {"error_code": "diverged", "error_message": "the loss became nan"}
        if state == "running":
            values |= {"lease_owner": "worker/1", "lease_expires_at": at.replace(year=at.year + 1)}
        with self.sessions.begin() as session:
            if rows:
                session.execute(insert(Epoch), rows)
            if layers:
                session.execute(
                    insert(Layer), [row for number in range(1, epochs + 1) for row in layer_rows(job_id, number)]
                )
            sequence = session.scalar(select(Job.event_seq).where(Job.id == job_id)) or 0
            if ended:
                data = {"state": state, "reason": "canned", "attempt": 1}
                events = [("state", data), ("end", {"state": state})]
                session.execute(
                    insert(Event),
                    [
                        {"job_id": job_id, "seq": sequence + place, "kind": kind, "data": given, "at": at}
                        for place, (kind, given) in enumerate(events, start=1)
                    ],
                )
                values["event_seq"] = sequence + len(events)
            session.execute(update(Job).where(Job.id == job_id).values(**values))


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
