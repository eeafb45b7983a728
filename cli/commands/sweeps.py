"""The commands for sweeps; those for jobs take a sweep's id too: watch, show, cancel, history, plot."""

import re
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from cli.assignments import json_or_word, value
from cli.commands import completion
from cli.commands.arguments import LOCAL, AsJson, Name, Note, Url
from cli.commands.service import annotated, assigned, print_json, service
from cli.commands.watching import follow
from cli.exits import fail, say

app = typer.Typer()

RANGE = re.compile(r" *([0-9]{1,10}) *- *([0-9]{1,10}) *")
MOST_SEEDS = 512


@app.command()
def sweep(
    activations: Annotated[
        str | None,
        typer.Option(
            help="Names of the catalog, by commas; default: the article's six.",
            autocompletion=completion.several_activations,
        ),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Such as 1-5 or 1,3,7-9; default: 0.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Of every job; the service's default is 10.")] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH=V1,V2", help="Train every combination of these values of a job's fields."),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Any other field of every job."),
    ] = None,
    name: Name = None,
    note: Note = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay until the last job ends.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Submit a sweep, and print its id: every activation with every seed and every combination of the grid.

    With --watch the exit status is 0 only if every job succeeds.

    Example: activation-lab sweep --epochs 3 --set train_samples=6000 --watch

    Example: activation-lab sweep --activations relu,gelu --seeds 0-2 --grid optimizer.learning_rate=0.001,0.003
    """
    base = assigned(annotated({} if epochs is None else {"epochs": epochs}, name, note), assignments)
    body: dict[str, Any] = {"base": base, "grid": dict(map(axis, grid or []))}
    if activations is not None:
        body["activations"] = [word.strip() for word in activations.split(",")]
    if seeds is not None:
        body["seeds"] = [seed for given in values(seeds, "seeds") for seed in span(given)]
    with service(url) as client:
        found = client.submit_sweep(body)
        print_json(found) if as_json else say(found["id"])
        if watch:
            follow(client, found, of="sweeps", as_json=as_json)


@app.command()
def sweeps(
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    every: Annotated[bool, typer.Option("--all", help="All of them, in place of --limit.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """List sweeps, the newest first.

    Example: activation-lab sweeps --limit 5
    """
    from cli import tables

    with service(url) as client:
        found = client.sweeps(limit=None if every else limit)
        print_json(*found) if as_json else tables.show(*tables.of_sweeps(found))


def axis(text: str) -> tuple[str, list[Any]]:
    path, separator, given = text.partition("=")
    if not (path and separator and given):
        raise fail(f"--grid {text!r} is not of the form path=v1,v2, such as dropout.dense=0.2,0.5")
    return path, values(given, path)


def span(given: Any) -> Iterable[Any]:  # noqa: ANN401  # any JSON
    """The whole numbers of a range such as "1-5"; anything else as it is, for the service to judge."""
    match = RANGE.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        return [given]
    first, last = map(int, match.groups())
    if not first <= last < first + MOST_SEEDS:
        raise fail(f"--seeds {given} is no range of 1 to {MOST_SEEDS} seeds, such as 1-5")
    return range(first, last + 1)


def values(text: str, path: str) -> list[Any]:
    """A list in JSON, or what stands between commas, for the field at the path."""
    whole = json_or_word(text)
    return whole if isinstance(whole, list) else [value(word, path) for word in text.split(",")]
