"""The commands for jobs."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stack.commands.options import LOCAL, AsJson, JobId, Url
from stack.commands.service import assigned, print_json, service, write
from stack.exits import INTERRUPTED, fail

if TYPE_CHECKING:
    from stack.client import JSON, Client

app = typer.Typer()


@app.command()
def submit(
    activation: Annotated[str, typer.Option(help="A name of the catalog, such as gelu.")],
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training images; the service's default is 10.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Any other field of the job; VALUE is JSON or else a word."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay until the job ends.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Submit a training job, and print its id.

    With --watch the exit status is 0 only if the job succeeds.

    Example: activation-lab submit --activation gelu --epochs 5 --watch

    Example: activation-lab submit --activation selu --set optimizer.learning_rate=0.01 --set clip=null
    --set metadata.note=hello
    """
    given = {"activation": activation} | ({} if epochs is None else {"epochs": epochs})
    spec = assigned(given, assignments)
    with service(url) as client:
        job = client.submit(spec)
        print_json(job) if as_json else typer.echo(job["id"])
        if watch:
            follow(client, job, as_json=as_json)


@app.command()
def watch(job_id: JobId, url: Url = LOCAL, as_json: AsJson = False) -> None:
    """Show a job's epochs as they come; the exit status is 0 only if the job succeeds.

    Ctrl-C leaves the job alone. Example: activation-lab watch 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b
    """
    with service(url) as client:
        follow(client, client.get(job_id), as_json=as_json)


@app.command("list")
def list_jobs(
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    activation: Annotated[str | None, typer.Option(help="Only jobs of this activation.")] = None,
    metadata: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only jobs marked so.")] = None,
    sort: Annotated[str, typer.Option(help="Such as best_val_loss; descending after a minus sign.")] = "-created_at",
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    every: Annotated[bool, typer.Option("--all", help="All of them, in place of --limit.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first.

    Example: activation-lab list --state succeeded --sort=-best_val_accuracy --limit 5
    """
    from stack import tables

    filters = {"state": state, "activation": activation, "sort": sort, **metadata_filters(metadata or [])}
    with service(url) as client:
        found = client.jobs(
            limit=None if every else limit, filters={name: text for name, text in filters.items() if text is not None}
        )
        print_json(*found) if as_json else tables.show(*tables.of_jobs(found))


@app.command()
def cancel(job_id: JobId, url: Url = LOCAL, as_json: AsJson = False) -> None:
    """Cancel a job: a queued one at once, a running one at its next batch. Its epochs so far are kept."""
    with service(url) as client:
        job = client.cancel(job_id)
        print_json(job) if as_json else typer.echo("cancelled" if job["state"] == "cancelled" else "asked to cancel")


@app.command()
def history(
    job_id: JobId,
    file: Annotated[Path | None, typer.Argument(help="Where --csv or --parquet go; else stdout.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="As Parquet.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show every epoch of a job, or write them to a file.

    Example: activation-lab history 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --csv history.csv
    """
    from stack import tables

    if csv + parquet + as_json > 1:
        raise fail("choose one of --csv, --parquet and --json")
    if file and not (csv or parquet):
        raise fail(f"{file} is to be written as what? Choose --csv or --parquet")
    with service(url) as client:
        if csv or parquet:
            write(client.history_file(job_id, "csv" if csv else "parquet"), file, binary=parquet)
        elif as_json:
            print_json({"job_id": job_id, "epochs": client.history(job_id)})
        else:
            tables.show(*tables.of_epochs(client.history(job_id)))


def metadata_filters(pairs: Iterable[str]) -> dict[str, str]:
    filters = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator:
            raise fail(f"--metadata {pair!r} is not of the form KEY=VALUE")
        filters[f"metadata[{key}]"] = text
    return filters


def follow(client: "Client", job: "JSON", *, as_json: bool) -> None:
    """Show the job's events until it ends; typer.Exit unless it succeeded."""
    from stack.progress import outcome

    try:
        ended = followed(client, job, as_json=as_json)
    except KeyboardInterrupt as error:
        raise fail(f"interrupted; job {job['id']} goes on", status=INTERRUPTED) from error
    if ended["state"] != "succeeded":
        raise fail(f"job {job['id']} {outcome(ended)}")
    if not as_json:
        typer.echo(outcome(ended))


def followed(client: "Client", job: "JSON", *, as_json: bool) -> "JSON":
    from rich.console import Console

    from stack.progress import shown

    if as_json:
        for event in client.events(job["id"]):
            print_json({"number": event.number, "event": event.kind, "data": event.data})
    else:
        with shown([job], Console()) as show:
            for event in client.events(job["id"]):
                show(job, event)
    return client.get(job["id"])
