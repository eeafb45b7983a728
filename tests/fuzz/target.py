"""The API on a database of its own, and a trainer that ends every job, so that each stream has an end."""

import hashlib
import queue
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from unittest.mock import patch

import httpx

from api.http import auth
from api.main import create_app
from bench.postgres import run_server
from db import jobs, predictions, schema
from db import keys as stored_keys
from db.checkpoints import CheckpointFile
from db.predictions import Answer
from db.session import Sessions
from jobs.access import Scope
from jobs.errors import Diverged, JobsError
from runtime.settings import Settings, sqlite_url
from storage import files
from tests.support.fake_worker import FakeWorker
from tests.support.figures import layer_metrics, parameter_metrics
from tests.support.protocol import try_claim
from tests.support.serving import serve

WEIGHTS = bytes(range(256)) * 4
MOST_EPOCHS = 2
TRAINED_BACKLOG = 20
"""While more jobs wait, they are cancelled: a sweep of 512 would keep its stream open for long."""
LIMITS = {
    "max_unfinished_jobs": 2_000,
    "max_unfinished_jobs_per_owner": 2_000,
    "max_requests_per_minute": 1_000_000,
    "predict_seconds": 2.0,
    "reconcile_seconds": 86_400.0,
}


class Trainer:
    """Takes hints in the broker's place, and does the work of a worker without any training."""

    def __init__(self, sessions: Sessions, checkpoints_url: str) -> None:
        self._sessions, self._checkpoints_url = sessions, checkpoints_url
        self._waiting: queue.Queue[tuple[str, str] | None] = queue.Queue()
        self._thread = Thread(target=self._run)
        self._thread.start()

    def send(self, job_ids: Iterable[str]) -> list[str]:
        for job_id in job_ids:
            self._waiting.put(("job", job_id))
        return []

    def send_prediction(self, prediction_id: str) -> None:
        self._waiting.put(("prediction", prediction_id))

    def length(self) -> int:
        return self._waiting.qsize()

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (hint := self._waiting.get()) is not None:
            kind, name = hint
            with suppress(JobsError):  # a client has cancelled or deleted it
                if kind == "job":
                    self.train(name)
                else:
                    self.predict(name)

    def train(self, job_id: str) -> None:
        """Record up to two epochs with all that belongs to them; a job that wants more fails after them."""
        if self.length() > TRAINED_BACKLOG:
            with self._sessions.begin() as session:
                jobs.request_cancel(session, job_id)
            return
        claimed = try_claim(self._sessions, job_id)
        if claimed is None:
            return
        worker = FakeWorker(self._sessions)
        learns = [parameter_metrics] if claimed.spec.trainable else []
        worker.start(claimed.lease, *(measure(0) for measure in learns))
        for epoch in range(1, min(claimed.spec.epochs, MOST_EPOCHS) + 1):
            path = f"{job_id}/{epoch}"
            files.write(f"{self._checkpoints_url}/{path}", WEIGHTS)
            saved = CheckpointFile(epoch, 1, path, hashlib.sha256(WEIGHTS).hexdigest(), len(WEIGHTS))
            learnt = [measure(epoch) for measure in learns]
            worker.record(claimed.lease, epoch, layers=[layer_metrics(epoch)], checkpoint=saved, parameters=learnt)
        if claimed.spec.epochs > MOST_EPOCHS:
            worker.fail(claimed.lease, Diverged("the loss of epoch 3 is not finite"))
        else:
            worker.succeed(claimed.lease)

    def predict(self, prediction_id: str) -> None:
        with self._sessions.begin() as session:
            for request in predictions.take(session, prediction_id):
                predictions.answer(session, request.id, Answer(epoch=1, probabilities=[0.1] * 10))


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    headers: Mapping[str, str]
    """With a key, where the service requires one."""
    known: Mapping[str, Sequence[str]]
    """Values of each part of a path that exist."""


@contextmanager
def serve_on(database: str, *, keys: bool = False) -> Iterator[Target]:
    """Serve the API on an empty database, "sqlite" or "postgres"."""
    with tempfile.TemporaryDirectory(prefix="activation-lab-fuzz-") as name, make_database(database, Path(name)) as url:
        schema.migrate(url)
        chosen = {"database_url": url, "data_dir": Path(name), "auth": "keys" if keys else "none"}
        settings = Settings.model_validate({**chosen, **LIMITS})
        app = create_app(settings)
        app.state.hints.close()
        with closing(Trainer(app.state.sessions, settings.checkpoints)) as trainer:
            app.state.hints = trainer
            # Each check that a key is asked for tries a wrong one, and the eleventh would be answered 429.
            with patch.dict(auth.FAILED_KEYS, capacity=1_000_000), serve(app, lifespan="on") as address:
                headers = make_headers(app.state.sessions) if keys else {}
                yield Target(address, headers, make_known(address, headers))


def make_headers(sessions: Sessions) -> dict[str, str]:
    with sessions.begin() as session:
        return {"Authorization": f"Bearer {stored_keys.create(session, 'fuzz', scope=Scope.ADMIN)}"}


@contextmanager
def make_database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield sqlite_url(folder / "activation-lab.db")
        return
    with run_server(fsync="off") as server:
        yield server.url("postgres")


def make_known(url: str, headers: Mapping[str, str]) -> dict[str, list[str]]:
    """Make a few sweeps and activations, and name values of each part of a path."""
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as http:
        body = {"activations": ["relu", "gelu"], "base": {"epochs": 2}}
        sweeps = [http.post("/v1/sweeps", json=body).raise_for_status().json()["id"] for _ in range(3)]
        for name, formula in (("swishy", "x*sigmoid(x)"), ("holey", "log(x) + 1/(x - 1)")):
            http.post("/v1/activations", json={"name": name, "formula": formula}).raise_for_status()
        learning = {"activation": "elu", "epochs": 2, "trainable": {"parameters": ["alpha"]}}
        http.post("/v1/jobs", json=learning).raise_for_status()
        jobs = http.get("/v1/jobs").raise_for_status().json()["data"]
    return {
        "job_id": [job["id"] for job in jobs],
        "sweep_id": sweeps,
        "name": ["elu", "leaky-relu", "swishy", "holey", "exploding", "dead-relu"],
        "kind": ["svg", "png"],
        "epoch": ["1", "2"],
    }
