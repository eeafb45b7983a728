"""The commands for jobs; watch, show and cancel take a sweep's id too."""

from collections.abc import Iterable
from typing import Annotated

import typer

from cli.commands import completion
from cli.commands.arguments import LOCAL, AnyId, AsJson, JobId, JobIds, Name, Note, Url
from cli.commands.output import print_json, print_list, print_table
from cli.commands.service import add_name_and_note, assign_fields, connect
from cli.commands.watching import follow
from cli.exits import fail, say
from cli.tables.jobs import tabulate_job, tabulate_jobs
from cli.tables.sweeps import tabulate_configurations, tabulate_sweep

app = typer.Typer()


@app.command()
def submit(
    activation: Annotated[
        str, typer.Option(help="A name of `activations`, such as gelu.", autocompletion=completion.complete_activation)
    ],
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training images; the service's default is 10.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Any other field. VALUE is JSON or a word; below metadata it is text.",
        ),
    ] = None,
    name: Name = None,
    note: Note = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show the epochs until the job ends.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Submit a training job, and print its id.

    With --watch the exit status is 0 only if the job succeeds.

    Example: activation-lab submit --activation gelu --epochs 5 --watch

    Example: activation-lab submit --activation selu --set optimizer.learning_rate=0.01 --set metadata.note=hello

    Example: activation-lab submit --activation leaky-relu --set 'trainable.parameters=["alpha"]'
    """
    given = {"activation": activation} | ({} if epochs is None else {"epochs": epochs})
    spec = assign_fields(add_name_and_note(given, name, note), assignments)
    with connect(url) as client:
        job = client.submit(spec)
        print_json(job) if as_json else say(job["id"])
        if watch:
            follow(client, job, of="jobs", as_json=as_json)


@app.command()
def watch(any_id: AnyId, url: Url = LOCAL, as_json: AsJson = False) -> None:
    """Show the epochs of a job or a sweep as they come; the exit status is 0 only if all succeed.

    Ctrl-C ends the command; the training continues.

    Example: activation-lab watch 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b
    """
    with connect(url) as client:
        noun, thing = client.find(any_id)
        follow(client, thing, of=noun, as_json=as_json)


@app.command("list")
def list_jobs(
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    activation: Annotated[
        str | None, typer.Option(help="Only jobs of this activation.", autocompletion=completion.complete_activation)
    ] = None,
    sweep: Annotated[str | None, typer.Option(help="Only jobs of the sweep with this id.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only jobs with this metadata.")
    ] = None,
    sort: Annotated[str, typer.Option(help="Field, such as best_val_loss; a minus sign: descending.")] = "-created_at",
    limit: Annotated[int, typer.Option(min=1, help="How many jobs.")] = 20,
    every: Annotated[bool, typer.Option("--all", help="All jobs; --limit is ignored.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first.

    Example: activation-lab list --state succeeded --sort=-best_val_accuracy --limit 5
    """
    filters = {"state": state, "activation": activation, "sweep_id": sweep, "sort": sort}
    given = {name: text for name, text in filters.items() if text is not None} | make_metadata_filters(metadata or [])
    with connect(url) as client:
        found = client.list_jobs(limit=None if every else limit, filters=given)
        print_list(found, tabulate_jobs, as_json=as_json)


@app.command()
def show(any_id: AnyId, url: Url = LOCAL, as_json: AsJson = False) -> None:
    """Show the details of a job, or of a sweep with its table of configurations.

    Example: activation-lab show 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b
    """
    with connect(url) as client:
        noun, thing = client.find(any_id)
    if as_json:
        print_json(thing)
    elif noun == "jobs":
        print_table(tabulate_job(thing))
    else:
        print_table(tabulate_sweep(thing))
        print_table(tabulate_configurations(thing))


@app.command()
def edit(
    job_id: JobId,
    name: Name = None,
    note: Note = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Other metadata to set; an empty VALUE removes it.")
    ] = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Set or remove a job's name, note and other metadata, in any state; an empty value removes it.

    Example: activation-lab edit 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --name baseline --note "as the article has it"
    """
    changes = add_name_and_note({}, name, note).get("metadata", {}) | dict(map(split_pair, metadata or []))
    if not changes:
        raise fail("name what to change: --name, --note or --metadata")
    with connect(url) as client:
        job = client.edit(job_id, {key: text or None for key, text in changes.items()})
        print_json(job) if as_json else say(f"edited {job['id']}")


@app.command()
def cancel(any_id: AnyId, url: Url = LOCAL, as_json: AsJson = False) -> None:
    """Cancel a job or all jobs of a sweep: queued ones at once, running ones at their next batch.

    The epochs so far are kept.

    Example: activation-lab cancel 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b
    """
    with connect(url) as client:
        noun, _ = client.find(any_id)
        thing = client.cancel(any_id, of=noun)
        print_json(thing) if as_json else say("cancel requested" if thing["state"] == "running" else "cancelled")


@app.command()
def retry(
    job_id: JobId,
    watch: Annotated[bool, typer.Option("--watch", help="Show the epochs until the new job ends.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Run an ended job again, as a new job, and print the new job's id.

    Example: activation-lab retry 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --watch
    """
    with connect(url) as client:
        job = client.retry(job_id)
        print_json(job) if as_json else say(job["id"])
        if watch:
            follow(client, job, of="jobs", as_json=as_json)


@app.command()
def delete(job_ids: JobIds, url: Url = LOCAL) -> None:
    """Delete ended jobs, with their epochs, events and checkpoint files.

    Example: activation-lab delete 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b
    """
    with connect(url) as client:
        for job_id in job_ids:
            client.delete(job_id)
            say(f"deleted {job_id}")


def make_metadata_filters(pairs: Iterable[str]) -> dict[str, str]:
    return {f"metadata[{key}]": text for key, text in map(split_pair, pairs)}


def split_pair(pair: str) -> tuple[str, str]:
    key, separator, text = pair.partition("=")
    if not separator:
        raise fail(f"--metadata {pair!r} is not of the form KEY=VALUE")
    return key, text
