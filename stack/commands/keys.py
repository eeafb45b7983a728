"""The commands for API keys, which write to the database directly."""

from typing import Annotated

import typer

from cli.exits import fail, say
from stack.configuration import configure

app = typer.Typer(help="API keys, for a service that runs with ACTIVATION_LAB_AUTH=keys.", no_args_is_help=True)

KeyName = Annotated[str, typer.Argument(help="The name of the key's holder.")]


@app.command("create")
def create_key(name: KeyName) -> None:
    """Make a key and print it. It cannot be printed again."""
    from db import keys
    from db.session import connect

    with connect(configure().database, goes_first=True).begin() as session:
        typer.echo(keys.create(session, name))


@app.command("list")
def list_keys() -> None:
    """Print the names of the keys."""
    from db import keys
    from db.session import connect

    with connect(configure().database).read() as session:
        for name in keys.list_names(session):
            say(name)


@app.command("revoke")
def revoke_key(name: KeyName) -> None:
    """Make a key invalid."""
    from db import keys
    from db.session import connect

    with connect(configure().database, goes_first=True).begin() as session:
        known = keys.revoke(session, name)
    if not known:
        raise fail(f"there is no key named {name}")
