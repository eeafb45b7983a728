"""`activation-lab export`: write jobs in the formats of MLflow and TensorBoard, read over the HTTP API."""

import os
from collections.abc import Callable
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.arguments import LOCAL, AnyId, Url
from cli.commands.service import connect
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
    to: Annotated[To, typer.Option(help="The format.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder to write to; for MLflow it holds mlflow.db and the artifacts.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow server or database, in place of a folder.")] = None,
    experiment: Annotated[str, typer.Option(help="MLflow experiment of the runs.")] = "activation-lab",
    url: Url = LOCAL,
) -> None:
    """Write a job, or every job of a sweep, for MLflow or TensorBoard.

    A second export adds what is new; a job that was exported completely is left alone.

    Example: activation-lab export 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --to tensorboard --output runs
    """
    if find_spec(PACKAGES[to]) is None:
        raise fail(f"--to {to} needs the extra packages of activation-lab[export]")
    if (output is None) == (tracking_uri is None):
        raise fail("name the target: --output FOLDER, or for MLflow --tracking-uri URI")
    with connect(url) as client:
        if to is To.MLFLOW:
            export_to_mlflow(client, any_id, output and output.resolve(), tracking_uri, experiment)
        elif output is None:
            raise fail("--tracking-uri is for MLflow; for TensorBoard use --output FOLDER")
        else:
            export_to_tensorboard(client, any_id, output)


def export_to_tensorboard(client: "Client", any_id: str, output: Path) -> None:
    from cli.exports import tensorboard

    try:
        write_all(client, any_id, lambda record: tensorboard.write(record, output.resolve()))
    except (OSError, ValueError) as error:
        raise fail(f"cannot write to {output}: {error}") from error


def export_to_mlflow(
    client: "Client", any_id: str, output: Path | None, tracking_uri: str | None, experiment: str
) -> None:
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # the default of seven takes minutes
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # stdout is for the jobs' ids
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
    from cli.exports.record import read_record

    noun, thing = client.find(any_id)
    jobs = [thing] if noun == "jobs" else client.list_jobs(filters={"sweep_id": any_id, "sort": "created_at"})
    for job in jobs:
        record = read_record(client, job["id"])
        written = write(record)
        say(f"{'exported' if written else 'already exported'} {job['id']} ({record.job['state']})")
