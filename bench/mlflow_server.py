"""MLflow's tracking server as a peer: one worker on SQLite, over its REST API."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import time
from typing import Any

from bench.contestants import Server
from bench.figures import NotMeasured
from stack.listening import find_free_port

API = "/api/2.0/mlflow"
OPTIONS = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # it would start more processes
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class MLflow(Server):
    """Each method is one request, but for the history, which takes one for each metric."""

    def __init__(self, folder: Path) -> None:
        port = find_free_port()
        super().__init__(
            *("-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder)),
            url=f"http://127.0.0.1:{port}",
            ready="/health",
            environment=OPTIONS,
        )
        self.runs: list[str] = []

    def create_run(self) -> None:
        run = self.post("runs/create", experiment_id="0", start_time=now_ms(), tags=[{"key": "client", "value": "1"}])
        self.runs.append(run["run"]["info"]["run_id"])

    def log_epoch(self, run: int, epoch: int, figures: Mapping[str, float]) -> None:
        metrics = [{"key": key, "value": value, "timestamp": now_ms(), "step": epoch} for key, value in figures.items()]
        self.post("runs/log-batch", run_id=self.get_run(run), metrics=metrics)

    def read_history(self, run: int, metrics: Sequence[str]) -> list[bytes]:
        path = f"{API}/metrics/get-history?run_id={self.get_run(run)}&metric_key="
        return [self.connection.get(path + metric) for metric in metrics]

    def search(self, metric: str, limit: int) -> object:
        order = [f"metrics.{metric} DESC"]
        return self.post("runs/search", experiment_ids=["0"], max_results=limit, order_by=order)

    def get_run(self, number: int) -> str:
        if self.reason:
            raise NotMeasured(self.reason)
        return self.runs[number]

    def post(self, path: str, **body: Any) -> Any:
        return self.connection.post(f"{API}/{path}", body)


def now_ms() -> int:
    return int(time() * 1000)
