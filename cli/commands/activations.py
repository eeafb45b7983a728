"""The commands for activations: those of the catalog, and those that were defined."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from cli.commands.arguments import LOCAL, Activation, AsJson, Url
from cli.commands.output import print_answer, print_list
from cli.commands.service import assign_fields, connect
from cli.exits import fail, say
from cli.tables.catalog import tabulate_activation, tabulate_activations, tabulate_values

app = typer.Typer()

BOUNDS = ("default", "minimum", "maximum")


@app.command("activations")
def list_activations(url: Url = LOCAL, as_json: AsJson = False) -> None:
    """List the activations: the article's six first, then the rest of the catalog, then those that were defined.

    Example: activation-lab activations
    """
    with connect(url) as client:
        found = client.list_activations()
        print_list(found, tabulate_activations, as_json=as_json)


@app.command()
def define(
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and hyphens.")],
    formula: Annotated[str, typer.Argument(help="Its value at x; after -- it may begin with a minus.")],
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="NAME=VALUE[:MIN:MAX]", help="A parameter, its default and its bounds."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="The name in full.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Show what it would be; define nothing.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Define an activation by a formula, and show its derivative and its properties.

    It is then used like those of the catalog. The same name cannot have another formula until it is undefined.

    Example: activation-lab define swishy 'x*sigmoid(b*x)' --parameter b=1

    Example: activation-lab define bent 'where(x > 0, x, a*x)' --parameter a=0.1:0:1 --preview
    """
    body = {"formula": formula, "parameters": dict(map(parse_parameter, parameters or []))}
    body |= {} if title is None else {"title": title}
    with connect(url) as client, pointing_at(formula):
        found = client.preview(body) if preview else client.define({"name": name, **body})
        print_answer(found, lambda activation: tabulate_activation(name, activation), as_json=as_json)


@app.command()
def undefine(activation: Activation, url: Url = LOCAL) -> None:
    """Remove an activation that was defined. Jobs that ended keep its formula; an unfinished one refuses it.

    Example: activation-lab undefine swishy
    """
    with connect(url) as client:
        client.undefine(activation)
        say(f"undefined {activation}")


@app.command()
def evaluate(
    activation: Activation,
    x: Annotated[list[float], typer.Argument(help="Numbers; after -- they may be negative.")],
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the activation.")
    ] = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Print an activation's value and derivative at each x, exactly.

    Example: activation-lab evaluate elu --set alpha=0.2 -- -1 0 1
    """
    parameters = assign_fields({}, assignments)
    with connect(url) as client:
        answer = client.evaluate(activation, x, parameters)
        print_answer(answer, tabulate_values, as_json=as_json)


def parse_parameter(text: str) -> tuple[str, dict[str, float]]:
    """A parameter's name, default and bounds: `b=1`, `b=1:0.1:10`, or with one bound `b=1::10`."""
    name, _, given = text.partition("=")
    words = given.split(":")
    try:
        numbers = [float(word) if word else None for word in words]
    except ValueError:
        numbers = []
    if not name or not numbers or numbers[0] is None or len(numbers) > len(BOUNDS):
        raise fail(f"--parameter {text!r} is not of the form NAME=VALUE or NAME=VALUE:MIN:MAX, such as b=1:0.1:10")
    return name, {bound: number for bound, number in zip(BOUNDS, numbers, strict=False) if number is not None}


@contextmanager
def pointing_at(formula: str) -> Iterator[None]:
    """Print the formula, and a caret under the column that the service refuses, before the error is told."""
    from cli.client_errors import ServiceError
    from cli.formulas import point_at

    try:
        yield
    except ServiceError as error:
        if column := error.columns.get("/formula"):
            typer.echo(point_at(formula, column), err=True)
        raise
