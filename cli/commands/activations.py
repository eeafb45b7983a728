"""The commands for the catalog."""

from typing import Annotated

import typer

from cli.commands.arguments import LOCAL, Activation, AsJson, Url
from cli.commands.service import assigned, print_json, service

app = typer.Typer()


@app.command()
def activations(url: Url = LOCAL, as_json: AsJson = False) -> None:
    """List the activations of the catalog, the article's six first.

    Example: activation-lab activations
    """
    from cli import tables

    with service(url) as client:
        found = client.activations()
        print_json(*found) if as_json else tables.show(*tables.of_activations(found))


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
    from cli import tables

    parameters = assigned({}, assignments)
    with service(url) as client:
        answer = client.evaluate(activation, x, parameters)
        print_json(answer) if as_json else tables.show(*tables.of_values(answer))
