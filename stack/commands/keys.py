"""The commands for API keys, which write to the database directly."""

import re
from datetime import datetime
from typing import Annotated

import typer

from cli.exits import fail
from jobs.access import Scope
from stack.configuration import configure

app = typer.Typer(help="API keys, for a service that runs with ACTIVATION_LAB_AUTH=keys.", no_args_is_help=True)

SECONDS = {"m": 60, "h": 3600, "d": 24 * 3600}
DURATION = re.compile(r"([0-9]{1,5})([mhd])", re.ASCII)

KeyName = Annotated[str, typer.Argument(help="The name of the key.")]


def parse_duration(text: str) -> float:
    """Parse a duration such as 30d; returns seconds."""
    match = DURATION.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise typer.BadParameter(f"{text!r} is no duration such as 30d, 12h or 45m")
    return float(int(match[1]) * SECONDS[match[2]])


@app.command("create")
def create_key(
    name: KeyName,
    scope: Annotated[
        Scope,
        typer.Option(
            help="read: look and calculate. submit: also submit, edit, cancel and delete. "
            "admin: the same with everybody's jobs and sweeps."
        ),
    ] = Scope.SUBMIT,
    expires: Annotated[
        float | None,
        typer.Option(parser=parse_duration, metavar="DURATION", help="When it ends: 30d, 12h or 45m from now."),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Whose jobs and sweeps it works with.", show_default="the key's name")
    ] = None,
) -> None:
    """Make a key and print it. It cannot be printed again."""
    from db import keys
    from db.session import connect

    with connect(configure().database, goes_first=True).begin() as session:
        typer.echo(keys.create(session, name, owner=owner, scope=scope, expires_after_seconds=expires))


@app.command("list")
def list_keys() -> None:
    """Print the keys: never themselves, but whose they are, what they permit, and when they were last used."""
    from cli.tables.layout import print_table
    from cli.tables.table import Table
    from db import keys
    from db.session import connect

    with connect(configure().database).read() as session:
        found = keys.list_all(session)
    headers = ("name", "owner", "scope", "created at", "expires at", "last used at")
    times = [map(write_time, (key.created_at, key.expires_at, key.last_used_at)) for key in found]
    rows = [(key.name, key.owner, key.scope, *at) for key, at in zip(found, times, strict=True)]
    print_table(Table(headers, rows, ("created at",)))


def write_time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


@app.command("revoke")
def revoke_key(name: KeyName) -> None:
    """Make a key invalid. Its open streams end within a few seconds; its owner's jobs stay."""
    from db import keys
    from db.session import connect

    with connect(configure().database, goes_first=True).begin() as session:
        known = keys.revoke(session, name)
    if not known:
        raise fail(f"there is no key named {name}")
