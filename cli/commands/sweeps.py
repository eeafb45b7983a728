"""The commands for sweeps. Others take a sweep's id too: watch, show, cancel, history and plot."""

import re
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from cli.assignments import parse_json_or_word, parse_value
from cli.commands import completion
from cli.commands.arguments import LOCAL, AsJson, Name, Note, Url
from cli.commands.output import print_json, print_list
from cli.commands.service import add_name_and_note, assign_fields, connect
from cli.commands.watching import follow
from cli.exits import fail, say
from cli.tables.sweeps import tabulate_sweeps

app = typer.Typer()

RANGE = re.compile(r" *([0-9]{1,10}) *- *([0-9]{1,10}) *")
MAX_SEEDS = 512


@app.command("sweep")
def submit_sweep(
    activations: Annotated[
        str | None,
        typer.Option(
            help="Names of `activations`, separated by commas; default: the article's six.",
            autocompletion=completion.complete_activations,
        ),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Such as 1-5 or 1,3,7-9; default: 0.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of every job; the service's default is 10.")] = None,
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
    watch: Annotated[bool, typer.Option("--watch", help="Show the epochs until the last job ends.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Submit a sweep, and print its id: every activation with every seed and every combination of the grid.

    With --watch the exit status is 0 only if every job succeeds.

    Example: activation-lab sweep --epochs 3 --set train_samples=6000 --watch

    Example: activation-lab sweep --activations relu,gelu --seeds 0-2 --grid optimizer.learning_rate=0.001,0.003
    """
    base = assign_fields(add_name_and_note({} if epochs is None else {"epochs": epochs}, name, note), assignments)
    body: dict[str, Any] = {"base": base, "grid": dict(map(parse_axis, grid or []))}
    if activations is not None:
        body["activations"] = [word.strip() for word in activations.split(",")]
    if seeds is not None:
        body["seeds"] = [seed for given in parse_values(seeds, "seeds") for seed in expand_range(given)]
    with connect(url) as client:
        found = client.submit_sweep(body)
        print_json(found) if as_json else say(found["id"])
        if watch:
            follow(client, found, of="sweeps", as_json=as_json)


@app.command("sweeps")
def list_sweeps(
    limit: Annotated[int, typer.Option(min=1, help="How many sweeps.")] = 20,
    every: Annotated[bool, typer.Option("--all", help="All sweeps; --limit is ignored.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """List sweeps, the newest first.

    Example: activation-lab sweeps --limit 5
    """
    with connect(url) as client:
        found = client.list_sweeps(limit=None if every else limit)
        print_list(found, tabulate_sweeps, as_json=as_json)


def parse_axis(text: str) -> tuple[str, list[Any]]:
    path, separator, given = text.partition("=")
    if not (path and separator and given):
        raise fail(f"--grid {text!r} is not of the form path=v1,v2, such as dropout.dense=0.2,0.5")
    return path, parse_values(given, path)


def expand_range(given: Any) -> Iterable[Any]:  # noqa: ANN401  # any JSON
    """The whole numbers of a range such as "1-5"; anything else unchanged, for the service to check."""
    match = RANGE.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        return [given]
    first, last = map(int, match.groups())
    if not first <= last < first + MAX_SEEDS:
        raise fail(f"--seeds {given} is not a range of 1 to {MAX_SEEDS} seeds, such as 1-5")
    return range(first, last + 1)


def parse_values(text: str, path: str) -> list[Any]:
    """A JSON list, or values separated by commas, for the field at the path."""
    whole = parse_json_or_word(text)
    return whole if isinstance(whole, list) else [parse_value(word, path) for word in text.split(",")]
