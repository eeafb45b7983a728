"""A job or a sweep on its way, followed to its end."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cli.commands.service import print_json
from cli.exits import INTERRUPTED, fail, say
from jobs.values import format_value

if TYPE_CHECKING:
    from cli.client import JSON, Client, Noun


def follow(client: "Client", thing: "JSON", *, of: "Noun", as_json: bool) -> None:
    """Show its events until it ends; typer.Exit unless it succeeded."""
    from cli.progress import outcome, outcome_of_sweep

    noun = of.removesuffix("s")
    try:
        show(client, thing, of=of, as_json=as_json)
        ended = client.get(thing["id"], of=of)
    except KeyboardInterrupt as error:
        raise fail(f"interrupted; {noun} {thing['id']} goes on", status=INTERRUPTED) from error
    if of == "sweeps" and not as_json:
        show_configurations(ended)
    how = outcome(ended) if of == "jobs" else outcome_of_sweep(ended)
    if ended["state"] != "succeeded":
        raise fail(f"{noun} {ended['id']} {how}")
    if not as_json:
        say(how)


def show(client: "Client", thing: "JSON", *, of: "Noun", as_json: bool) -> None:
    if as_json:
        show_events(client, thing, of=of)
    elif of == "jobs":
        show_job(client, thing)
    else:
        show_sweep(client, thing)


def show_events(client: "Client", thing: "JSON", *, of: "Noun") -> None:
    for event in client.events(thing["id"], of=of):
        number = {"number": int(event.id)} if of == "jobs" else {"id": event.id}
        print_json({**number, "event": event.kind, "data": event.data})


def show_job(client: "Client", job: "JSON") -> None:
    from rich.console import Console

    from cli.progress import shown

    with shown([job], Console()) as show:
        for event in client.events(job["id"]):
            show(job, event)


def show_sweep(client: "Client", sweep: "JSON") -> None:
    from rich.console import Console

    from cli.events import RESET
    from cli.progress import shown

    filters = {"sweep_id": sweep["id"], "sort": "created_at"}
    jobs = {job["id"]: job for job in client.jobs(filters=filters)}
    names = {job_id: name(job["spec"], sweep["spec"]) for job_id, job in jobs.items()}
    with shown([*jobs.values()], Console(), names) as show:
        for event in client.events(sweep["id"], of="sweeps"):
            if event.kind == RESET:  # of all its jobs
                for every in jobs.values():
                    show(every, event)
            elif job := jobs.get(event.data.get("job_id", "")):  # the end is no job's, and a deleted job is not there
                show(job, event)


def name(job: Mapping[str, Any], sweep: Mapping[str, Any]) -> str:
    """The activation, and what the sweep varies besides."""
    varied = [f"{path} {format_value(at(job, path))}" for path in sweep["grid"]]
    seed = [f"seed {job['seed']}"] if len(sweep["seeds"]) > 1 else []
    return ", ".join([job["activation"], *varied, *seed])


def at(spec: Any, path: str) -> Any:  # noqa: ANN401  # any field of a job
    for field in path.split("."):
        spec = spec.get(field) if isinstance(spec, Mapping) else None
    return spec


def show_configurations(sweep: "JSON") -> None:
    from cli import tables

    tables.show(*tables.of_configurations(sweep))
