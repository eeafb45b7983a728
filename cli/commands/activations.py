"""The commands for the catalog."""

from typing import Annotated

import typer

from cli.commands.arguments import LOCAL, Activation, AsJson, Url
from cli.commands.output import print_answer, print_list
from cli.commands.service import assign_fields, connect
from cli.tables.catalog import tabulate_activations, tabulate_values

app = typer.Typer()


@app.command("activations")
def list_activations(url: Url = LOCAL, as_json: AsJson = False) -> None:
    """List the activations of the catalog, the article's six first.

    Example: activation-lab activations
    """
    with connect(url) as client:
        found = client.list_activations()
        print_list(found, tabulate_activations, as_json=as_json)


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
