"""`activation-lab export`: runs in the formats of MLflow and TensorBoard, read over the HTTP API."""

import os
from collections.abc import Callable
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.arguments import LOCAL, AnyId, Url
from cli.commands.service import service
from cli.exits import fail, say
from runtime.settings import sqlite_url

if TYPE_CHECKING:
    from cli.client import Client
    from cli.exports.record import Record

app = typer.Typer()


class To(StrEnum):
    MLFLOW = "mlflow"
    TENSORBOARD = "tensorboard"


PACKAGES = {To.MLFLOW: "mlflow", To.TENSORBOARD: "tensorboardX"}

Write = Callable[["Record"], bool]


@app.command()
def export(
    any_id: AnyId,
    to: Annotated[To, typer.Option(help="In whose format.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder to write to; MLflow's mlflow.db and artifacts lie in it.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow's server or database, in place of a folder.")] = None,
    experiment: Annotated[str, typer.Option(help="MLflow's name for the runs together.")] = "activation-lab",
    url: Url = LOCAL,
) -> None:
    """Write a job, or every job of a sweep, for MLflow or TensorBoard.

    Again, it goes on where it stopped: a job that is there whole is left alone.

    Example: activation-lab export 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --to tensorboard --output runs
    """
    if find_spec(PACKAGES[to]) is None:
        raise fail(f"--to {to} needs the extra packages of activation-lab[export]")
    if (output is None) == (tracking_uri is None):
        raise fail("say where to: --output FOLDER, or for MLflow --tracking-uri URI")
    with service(url) as client:
        if to is To.MLFLOW:
            to_mlflow(client, any_id, output and output.resolve(), tracking_uri, experiment)
        elif output is None:
            raise fail("--tracking-uri is MLflow's; TensorBoard reads a folder: --output FOLDER")
        else:
            to_tensorboard(client, any_id, output)


def to_tensorboard(client: "Client", any_id: str, output: Path) -> None:
    from cli.exports import tensorboard

    try:
        write_all(client, any_id, lambda record: tensorboard.write(record, output.resolve()))
    except (OSError, ValueError) as error:
        raise fail(f"cannot write to {output}: {error}") from error


def to_mlflow(client: "Client", any_id: str, output: Path | None, tracking_uri: str | None, experiment: str) -> None:
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # MLflow's own seven take minutes
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # stdout is ours
    from mlflow.exceptions import MlflowException

    from cli.exports.mlflow import Store

    try:
        if output:
            output.mkdir(parents=True, exist_ok=True)
            store = Store(sqlite_url(output / "mlflow.db"), experiment, artifacts=(output / "artifacts").as_uri())
        else:
            store = Store(str(tracking_uri), experiment)
        write_all(client, any_id, lambda record: store.write(record, client))
    except (OSError, MlflowException) as error:
        raise fail(f"cannot write to {output or tracking_uri}: {error}") from error


def write_all(client: "Client", any_id: str, write: Write) -> None:
    from cli.exports.record import read

    noun, thing = client.find(any_id)
    jobs = [thing] if noun == "jobs" else client.jobs(filters={"sweep_id": any_id, "sort": "created_at"})
    for job in jobs:
        record = read(client, job["id"])
        written = write(record)
        say(f"{'exported' if written else 'there already:'} {job['id']} ({record.job['state']})")
