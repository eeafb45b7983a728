"""The commands for jobs; most of them take a sweep's id too."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from cli.commands import completion
from cli.commands.arguments import LOCAL, AnyId, AsJson, JobId, Name, Note, Url
from cli.commands.service import (
    annotated,
    assigned,
    chosen,
    deliver,
    drawing_format,
    print_json,
    service,
    table_format,
    write,
)
from cli.commands.watching import follow
from cli.exits import fail, say

app = typer.Typer()

JobIds = Annotated[list[str], typer.Argument(metavar="ID...", help="The ids of jobs.", autocompletion=completion.jobs)]
File = Annotated[Path | None, typer.Argument(help="Where --csv or --parquet go; else stdout.")]
Csv = Annotated[bool, typer.Option("--csv", help="As CSV.")]
Parquet = Annotated[bool, typer.Option("--parquet", help="As Parquet.")]


@app.command()
def submit(
    activation: Annotated[
        str, typer.Option(help="A name of the catalog, such as gelu.", autocompletion=completion.activations)
    ],
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training images; the service's default is 10.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Any other field; VALUE is JSON or a word, below metadata text.",
        ),
    ] = None,
    name: Name = None,
    note: Note = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay until the job ends.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Submit a training job, and print its id.

    With --watch the exit status is 0 only if the job succeeds.

    Example: activation-lab submit --activation gelu --epochs 5 --watch

    Example: activation-lab submit --activation selu --set optimizer.learning_rate=0.01 --set metadata.note=hello
    """
    given = {"activation": activation} | ({} if epochs is None else {"epochs": epochs})
    spec = assigned(annotated(given, name, note), assignments)
    with service(url) as client:
        job = client.submit(spec)
        print_json(job) if as_json else say(job["id"])
        if watch:
            follow(client, job, of="jobs", as_json=as_json)


@app.command()
def watch(any_id: AnyId, url: Url = LOCAL, as_json: AsJson = False) -> None:
    """Show the epochs of a job or a sweep as they come; the exit status is 0 only if all succeed.

    Ctrl-C leaves the training alone.

    Example: activation-lab watch 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b
    """
    with service(url) as client:
        noun, thing = client.find(any_id)
        follow(client, thing, of=noun, as_json=as_json)


@app.command("list")
def list_jobs(
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    activation: Annotated[
        str | None, typer.Option(help="Only jobs of this activation.", autocompletion=completion.activations)
    ] = None,
    sweep: Annotated[str | None, typer.Option(help="Only jobs of the sweep with this id.")] = None,
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
    from cli import tables

    filters = {"state": state, "activation": activation, "sweep_id": sweep, "sort": sort}
    given = {name: text for name, text in filters.items() if text is not None} | metadata_filters(metadata or [])
    with service(url) as client:
        found = client.jobs(limit=None if every else limit, filters=given)
        print_json(*found) if as_json else tables.show(*tables.of_jobs(found))


@app.command()
def show(any_id: AnyId, url: Url = LOCAL, as_json: AsJson = False) -> None:
    """Show all that there is to say of a job, or of a sweep with its table of configurations.

    Example: activation-lab show 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b
    """
    from cli import tables

    with service(url) as client:
        noun, thing = client.find(any_id)
    if as_json:
        print_json(thing)
    elif noun == "jobs":
        tables.show(*tables.of_job(thing))
    else:
        tables.show(*tables.of_sweep(thing))
        tables.show(*tables.of_configurations(thing))


@app.command()
def edit(
    job_id: JobId,
    name: Name = None,
    note: Note = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Any other word to find it by; an empty VALUE: none.")
    ] = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Give a job a name, a note, or other words to find it by; an empty one is taken away. It may be in any state.

    Example: activation-lab edit 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --name baseline --note "as the article has it"
    """
    changes = annotated({}, name, note).get("metadata", {}) | dict(map(word, metadata or []))
    if not changes:
        raise fail("name what to change: --name, --note or --metadata")
    with service(url) as client:
        job = client.edit(job_id, {key: text or None for key, text in changes.items()})
        print_json(job) if as_json else say(f"edited {job['id']}")


@app.command()
def cancel(any_id: AnyId, url: Url = LOCAL, as_json: AsJson = False) -> None:
    """Cancel a job or all jobs of a sweep: queued ones at once, running ones at their next batch.

    The epochs so far are kept.

    Example: activation-lab cancel 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b
    """
    with service(url) as client:
        noun, _ = client.find(any_id)
        thing = client.cancel(any_id, of=noun)
        print_json(thing) if as_json else say("asked to cancel" if thing["state"] == "running" else "cancelled")


@app.command()
def retry(
    job_id: JobId,
    watch: Annotated[bool, typer.Option("--watch", help="Stay until the new job ends.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Run an ended job again, as a new job, and print the new job's id.

    Example: activation-lab retry 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --watch
    """
    with service(url) as client:
        job = client.retry(job_id)
        print_json(job) if as_json else say(job["id"])
        if watch:
            follow(client, job, of="jobs", as_json=as_json)


@app.command()
def delete(job_ids: JobIds, url: Url = LOCAL) -> None:
    """Delete ended jobs for good: their epochs, events and checkpoint files.

    Example: activation-lab delete 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b
    """
    with service(url) as client:
        for job_id in job_ids:
            client.delete(job_id)
            say(f"deleted {job_id}")


@app.command()
def history(
    any_id: AnyId,
    file: File = None,
    csv: Csv = False,
    parquet: Parquet = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show every epoch of a job or of a sweep's jobs, or write them to a file.

    Example: activation-lab history 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --csv history.csv
    """
    from cli import tables

    kind = table_format(file, csv=csv, parquet=parquet, as_json=as_json)
    with service(url) as client:
        noun, _ = client.find(any_id)
        holding, table = ("epochs", tables.of_epochs) if noun == "jobs" else ("jobs", tables.of_histories)
        path = f"{client.path(any_id, noun)}/history"
        deliver(client, path, kind, file, holding=holding, as_json=as_json, table=table)


@app.command()
def layers(
    job_id: JobId,
    file: File = None,
    csv: Csv = False,
    parquet: Parquet = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show what each layer did after every epoch (gradients, activations, dead units), or write it to a file.

    Example: activation-lab layers 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --parquet layers.parquet
    """
    from cli import tables

    kind = table_format(file, csv=csv, parquet=parquet, as_json=as_json)
    with service(url) as client:
        path = f"{client.path(job_id)}/layers"
        deliver(client, path, kind, file, holding="layers", as_json=as_json, table=tables.of_layers)


@app.command()
def plot(
    any_id: AnyId,
    file: Annotated[Path, typer.Argument(help="Where to draw it; .svg or .png.")],
    of_layers: Annotated[bool, typer.Option("--layers", help="Of a job: what each of its layers did.")] = False,
    metric: Annotated[str | None, typer.Option(help="Of a sweep: what to draw, such as val_accuracy.")] = None,
    exclude: Annotated[str | None, typer.Option(help="Of a sweep: activations to leave out, by commas.")] = None,
    url: Url = LOCAL,
) -> None:
    """Draw a job's loss and accuracy by epoch, or a sweep's, a line a configuration.

    Example: activation-lab plot 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b curves.svg
    """
    kind, options = drawing_format(file), chosen({"metric": metric, "exclude": exclude})
    with service(url) as client:
        noun, _ = client.find(any_id)
        if (of_layers and noun == "sweeps") or (options and noun == "jobs"):
            raise fail("--layers is for a job; --metric and --exclude are for a sweep")
        path = f"{client.path(any_id, noun)}{'/layers' if of_layers else ''}/plot.{kind}"
        write(client.download(path, options), file, binary=True)
    say(f"wrote {file}")


@app.command()
def compare(
    job_ids: JobIds,
    metric: Annotated[str, typer.Option(help="Such as val_loss, val_accuracy or epoch_seconds.")] = "val_loss",
    x: Annotated[str, typer.Option("--x", help="What a drawing has on its x axis: epoch or seconds.")] = "epoch",
    output: Annotated[Path | None, typer.Option(help="Write the curves there: .csv, .svg or .png.")] = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Compare a metric of several jobs: in a table, or every epoch of it in a file.

    Example: activation-lab compare 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --metric val_accuracy --output compare.svg
    """
    from cli import tables

    query = {"jobs": ",".join(job_ids), "metric": metric, "x": x}
    kind = curves_format(output) if output else ""
    with service(url) as client:
        if output:
            write(client.download("/v1/compare", {**query, "format": kind}), output, binary=True)
            say(f"wrote {output}")
            return
        answer = client.read("/v1/compare", query, holding="jobs")
        print_json(answer) if as_json else tables.show(*tables.of_curves(answer))


@app.command()
def predict(
    job_id: JobId,
    image: Annotated[Path, typer.Argument(help="28 x 28: a PNG, or JSON, CSV or plain numbers from 0 to 255.")],
    invert: Annotated[bool, typer.Option("--invert", help="The digit is dark on a light ground.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Ask a job's last checkpoint which digit it sees in an image; a light one on a dark ground, as MNIST's are.

    Example: activation-lab predict 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b seven.png
    """
    from cli import images, tables

    try:
        levels = images.read(image)
    except OSError as error:
        raise fail(f"cannot read {image}: {error.strerror}") from error
    except images.NotADigit as error:
        raise fail(error) from error
    with service(url) as client:
        answer = client.predict(job_id, images.inverted(levels) if invert else levels)
        print_json(answer) if as_json else tables.show(*tables.of_prediction(answer))


@app.command()
def checkpoints(
    job_id: JobId,
    epoch: Annotated[int | None, typer.Argument(help="Of the checkpoint to fetch.")] = None,
    file: Annotated[Path | None, typer.Argument(help="Where to put it (safetensors).")] = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """List a job's checkpoints, or fetch one: weights and optimizer state.

    Example: activation-lab checkpoints 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b

    Example: activation-lab checkpoints 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b 2 epoch-2.safetensors
    """
    from cli import tables

    if (epoch is None) != (file is None):
        raise fail("to fetch a checkpoint, name its epoch and a file")
    with service(url) as client:
        path = f"{client.path(job_id)}/checkpoints"
        if file is not None:
            write(client.download(f"{path}/{epoch}"), file, binary=True)
            say(f"wrote {file}")
            return
        answer = client.read(path, holding="checkpoints")
        print_json(answer) if as_json else tables.show(*tables.of_checkpoints(answer["checkpoints"]))


def curves_format(file: Path) -> str:
    return "csv" if file.suffix == ".csv" else drawing_format(file)


def metadata_filters(pairs: Iterable[str]) -> dict[str, str]:
    return {f"metadata[{key}]": text for key, text in map(word, pairs)}


def word(pair: str) -> tuple[str, str]:
    key, separator, text = pair.partition("=")
    if not separator:
        raise fail(f"--metadata {pair!r} is not of the form KEY=VALUE")
    return key, text
