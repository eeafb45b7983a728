"""`activation-lab export`: runs in the formats of MLflow and TensorBoard, read over the HTTP API."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stack.commands.arguments import LOCAL, AnyId, Url
from stack.commands.service import service
from stack.exits import fail

if TYPE_CHECKING:
    from stack.client import JSON, Client

app = typer.Typer()

JOB_TAG = "activation_lab.job_id"
STATUS = {"succeeded": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
CURVES = ("loss", "accuracy", "binary_accuracy")


class To(StrEnum):
    MLFLOW = "mlflow"
    TENSORBOARD = "tensorboard"


PACKAGES = {To.MLFLOW: "mlflow", To.TENSORBOARD: "tensorboardX"}


@app.command()
def export(
    found: AnyId,
    to: Annotated[To, typer.Option(help="In whose format.")],
    output: Annotated[Path, typer.Option(help="Folder to write to; MLflow's mlflow.db lies in it.")],
    url: Url = LOCAL,
) -> None:
    """Write a job, or every job of a sweep, for MLflow or TensorBoard. A job that was exported there is refused.

    Example: activation-lab export 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --to tensorboard --output runs
    """
    if find_spec(PACKAGES[to]) is None:
        raise fail(f"--to {to} needs the extra packages of activation-lab[export]")
    with service(url) as client:
        for job in jobs_of(client, found):
            try:
                (to_mlflow if to is To.MLFLOW else to_tensorboard)(client, job, output.resolve())
            except OSError as error:
                raise fail(f"cannot write to {output}: {error.strerror}") from error
            typer.echo(f"exported {job['id']} ({job['state']})")


def jobs_of(client: "Client", found: str) -> list["JSON"]:
    """The job of this id, or else the jobs of the sweep. Raises ClientError where it is neither."""
    return [*client.jobs(filters={"sweep_id": found, "sort": "created_at"})] or [client.get(found)]


def to_tensorboard(client: "Client", job: "JSON", output: Path) -> None:
    from tensorboardX import SummaryWriter  # an extra

    folder = output / f"{job['spec']['activation']}-{job['id']}"
    if folder.exists():
        raise fail(f"{folder} is there already; delete it to export the job again")
    with SummaryWriter(str(folder)) as writer:
        for name, value, step, at in points(client, job):
            writer.add_scalar(name, value, step, walltime=at)
        writer.add_text("spec", "\n".join(f"    {name}: {value}" for name, value in flat(job["spec"])))


def to_mlflow(client: "Client", job: "JSON", output: Path) -> None:
    from mlflow.entities import Metric, Param, RunTag  # an extra
    from mlflow.tracking import MlflowClient

    output.mkdir(parents=True, exist_ok=True)
    store = MlflowClient(tracking_uri=f"sqlite:///{output / 'mlflow.db'}")
    known = store.get_experiment_by_name("activation-lab")
    experiment = (
        known.experiment_id if known else store.create_experiment("activation-lab", (output / "artifacts").as_uri())
    )
    if store.search_runs([experiment], filter_string=f"tags.`{JOB_TAG}` = '{job['id']}'"):
        raise fail(f"job {job['id']} is in {output} already; delete its run to export it again")
    run = store.create_run(experiment, milliseconds(job["created_at"]), run_name=job["spec"]["activation"]).info.run_id
    store.log_batch(
        run,
        params=[Param(name, str(value)) for name, value in flat(job["spec"])],
        tags=[RunTag(JOB_TAG, job["id"]), RunTag("activation_lab.state", job["state"])],
    )
    metrics = [Metric(name, value, int(at * 1000), step) for name, value, step, at in points(client, job)]
    for start in range(0, len(metrics), 1000):
        store.log_batch(run, metrics=metrics[start : start + 1000])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "history.csv"
        path.write_bytes(client.download(f"{client.path(job['id'])}/history", {"format": "csv"}))
        store.log_artifact(run, str(path))
    ended = milliseconds(job["finished_at"]) if job["finished_at"] else None
    store.set_terminated(run, STATUS[job["state"]], ended) if ended else store.update_run(run, "RUNNING")


def points(client: "Client", job: "JSON") -> Iterator[tuple[str, float, int, float]]:
    """Name, value, epoch and Unix time of every figure; what has no value, such as a layer's NaN, is left out."""
    recorded = {}
    for epoch in client.history(job["id"]):
        at = recorded[epoch["epoch"]] = datetime.fromisoformat(epoch["recorded_at"]).timestamp()
        for curve in CURVES:
            yield f"{curve}/train", epoch[curve], epoch["epoch"], at
            yield f"{curve}/validation", epoch[f"val_{curve}"], epoch["epoch"], at
        yield "epoch_seconds", epoch["epoch_seconds"], epoch["epoch"], at
    for layer in client.read(f"{client.path(job['id'])}/layers", holding="layers")["layers"]:
        for name, value in layer.items():
            if name not in {"epoch", "layer"} and isinstance(value, int | float) and layer["epoch"] in recorded:
                yield f"layers/{layer['layer']}/{name}", value, layer["epoch"], recorded[layer["epoch"]]


def flat(spec: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in spec.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def milliseconds(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1000)
