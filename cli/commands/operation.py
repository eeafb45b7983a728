"""The commands for whoever runs the service."""

import typer

from cli.commands.arguments import LOCAL, AsJson, Url
from cli.commands.service import print_json, service

app = typer.Typer()


@app.command()
def workers(url: Url = LOCAL, as_json: AsJson = False) -> None:
    """List the workers: what each trains, and on what.

    Example: activation-lab workers
    """
    from cli import tables

    with service(url) as client:
        found = client.read("/v1/workers", holding="data")["data"]
        print_json(*found) if as_json else tables.show(*tables.of_workers(found))
