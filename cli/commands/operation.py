"""The commands for operating the service."""

import typer

from cli.commands.arguments import LOCAL, AsJson, Url
from cli.commands.output import print_list
from cli.commands.service import connect
from cli.tables.workers import tabulate_workers

app = typer.Typer()


@app.command("workers")
def list_workers(url: Url = LOCAL, as_json: AsJson = False) -> None:
    """List the workers, with the job that each trains and its device.

    Example: activation-lab workers
    """
    with connect(url) as client:
        found = client.read("/v1/workers", holding="data")["data"]
        print_list(found, tabulate_workers, as_json=as_json)
