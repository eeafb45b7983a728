"""Follow a job or a sweep to its end."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cli.commands.output import print_json, print_table
from cli.exits import INTERRUPTED, fail, say
from cli.tables.sweeps import tabulate_configurations
from jobs.values import format_value

if TYPE_CHECKING:
    from cli.client import JSON, Client, Noun


def follow(client: "Client", thing: "JSON", *, of: "Noun", as_json: bool) -> None:
    """Show the events until the job or sweep ends; raise typer.Exit unless it succeeded."""
    from cli.progress import describe_job_end, describe_sweep_end

    noun = of.removesuffix("s")
    try:
        show_progress(client, thing, of=of, as_json=as_json)
        ended = client.get(thing["id"], of=of)
    except KeyboardInterrupt as error:
        raise fail(f"interrupted; {noun} {thing['id']} goes on", status=INTERRUPTED) from error
    if of == "sweeps" and not as_json:
        print_table(tabulate_configurations(ended))
    end = describe_job_end(ended) if of == "jobs" else describe_sweep_end(ended)
    if ended["state"] != "succeeded":
        raise fail(f"{noun} {ended['id']} {end}")
    if not as_json:
        say(end)


def show_progress(client: "Client", thing: "JSON", *, of: "Noun", as_json: bool) -> None:
    if as_json:
        print_events(client, thing, of=of)
    elif of == "jobs":
        show_job_progress(client, thing)
    else:
        show_sweep_progress(client, thing)


def print_events(client: "Client", thing: "JSON", *, of: "Noun") -> None:
    """Print the numbered events: those that are the same whenever they are read."""
    from cli.events import PROGRESS

    for event in client.read_events(thing["id"], of=of):
        if event.kind == PROGRESS:
            continue
        number = {"number": int(event.id)} if of == "jobs" else {"id": event.id}
        print_json({**number, "event": event.kind, "data": event.data})


def show_job_progress(client: "Client", job: "JSON") -> None:
    from rich.console import Console

    from cli.progress import open_display

    with open_display([job], Console()) as show:
        for event in client.read_events(job["id"]):
            show(job, event)


def show_sweep_progress(client: "Client", sweep: "JSON") -> None:
    from rich.console import Console

    from cli.progress import open_display, show_sweep

    filters = {"sweep_id": sweep["id"], "sort": "created_at"}
    jobs = {job["id"]: job for job in client.list_jobs(filters=filters)}
    names = {job_id: make_label(job["spec"], sweep["spec"]) for job_id, job in jobs.items()}
    with open_display([*jobs.values()], Console(), names) as show:
        show_sweep(client.read_events(sweep["id"], of="sweeps"), jobs, show)


def make_label(job: Mapping[str, Any], sweep: Mapping[str, Any]) -> str:
    """The activation, and the values of the fields that the sweep varies."""
    varied = [f"{path} {format_value(read_field(job, path))}" for path in sweep["grid"]]
    seed = [f"seed {job['seed']}"] if len(sweep["seeds"]) > 1 else []
    return ", ".join([job["activation"], *varied, *seed])


def read_field(spec: Any, path: str) -> Any:  # noqa: ANN401  # any field of a job
    for field in path.split("."):
        spec = spec.get(field) if isinstance(spec, Mapping) else None
    return spec
