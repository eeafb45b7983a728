"""A job as an MLflow run, written by MLflow's own client."""

import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.tracking import MlflowClient

from cli.exports.record import Point, Record, learns, parse_time
from jobs.values import flatten, format_value

if TYPE_CHECKING:
    from cli.client import Client

JOB_TAG = "activation_lab.job_id"
EPOCHS_TAG = "activation_lab.epochs"  # the number of epochs in the run
STATUS = {"succeeded": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
RESERVED = ("mlflow.", "activation_lab.")
MAX_METRICS = 1000  # in one request of MLflow's REST API


class Store:
    """An experiment of a tracking server, or of a database such as sqlite:///mlflow.db. Raises MlflowException."""

    def __init__(self, tracking_uri: str, experiment: str, *, artifacts: str | None = None) -> None:
        logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs fifty migrations of a new database
        self.client = MlflowClient(tracking_uri=tracking_uri)
        known = self.client.get_experiment_by_name(experiment)
        self.experiment = known.experiment_id if known else self.client.create_experiment(experiment, artifacts)

    def write(self, record: Record, client: "Client") -> bool:
        """Write the part of the job that is not in MLflow yet; False where all of it is."""
        run = self.find(record.job["id"]) or self.create(record)
        if run.info.status != "RUNNING":
            return False
        done = int(run.data.tags.get(EPOCHS_TAG, 0))
        self.log(run, record.list_new(done))
        self.log(run, [Point(f"test_{point.name}", point.value, point.epoch, point.at) for point in record.test])
        self.attach(run, record, client)
        self.client.set_tag(run.info.run_id, EPOCHS_TAG, record.epochs)
        self.client.set_tag(run.info.run_id, "activation_lab.state", record.job["state"])
        if ended := record.job["finished_at"]:
            self.client.set_terminated(run.info.run_id, STATUS[record.job["state"]], to_milliseconds(parse_time(ended)))
        return True

    def find(self, job_id: str) -> Run | None:
        return next(iter(self.client.search_runs([self.experiment], f"tags.`{JOB_TAG}` = '{job_id}'")), None)

    def create(self, record: Record) -> Run:
        job, spec = record.job, record.job["spec"]
        parameters = {name: value for name, value in spec.items() if name != "metadata"}  # it is written as tags
        run = self.client.create_run(
            self.experiment,
            start_time=to_milliseconds(parse_time(job["created_at"])),
            tags={JOB_TAG: job["id"], **({"activation_lab.sweep_id": job["sweep_id"]} if job["sweep_id"] else {})},
            run_name=f"{spec['activation']}, seed {spec['seed']}",
        )
        self.client.log_batch(
            run.info.run_id,
            params=[Param(name, format_value(value)) for name, value in flatten(parameters)],
            tags=[RunTag(make_tag_name(name), value) for name, value in spec["metadata"].items()],
        )
        return run

    def log(self, run: Run, points: list[Point]) -> None:
        metrics = [Metric(point.name, point.value, to_milliseconds(point.at), point.epoch) for point in points]
        for start in range(0, len(metrics), MAX_METRICS):
            self.client.log_batch(run.info.run_id, metrics=metrics[start : start + MAX_METRICS])

    def attach(self, run: Run, record: Record, client: "Client") -> None:
        """Log the job's JSON, its tables and its drawing as artifacts."""
        path = client.make_path(record.job["id"])
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "job.json").write_text(json.dumps(record.job, indent=2))
            for table in ("history", "layers", *(["parameters"] if learns(record.job) else [])):
                (folder / f"{table}.csv").write_bytes(client.download(f"{path}/{table}", {"format": "csv"}))
            (folder / "plot.png").write_bytes(client.download(f"{path}/plot.png"))
            self.client.log_artifacts(run.info.run_id, name)


def make_tag_name(key: str) -> str:
    """The tag of a key of the metadata, kept apart from the tags of MLflow, such as mlflow.runName, and from ours."""
    return f"metadata.{key}" if key.startswith(RESERVED) else key


def to_milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
