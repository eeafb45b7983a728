"""What a shell offers for an argument: quickly, and silently where there is nothing to offer."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from cli.client import JSON, Client

LOCAL = "http://127.0.0.1:8000"
LONGEST_WAIT_SECONDS = 1.0
OFFERED = 50


def activations(incomplete: str) -> list[str]:
    """Out of the catalog: this asks no service."""
    from activations import catalog

    return [name for name in catalog.ACTIVATIONS if name.startswith(incomplete)]


def several_activations(incomplete: str) -> list[str]:
    """The last of those between commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in activations(last)]


def jobs(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    return offered(ctx, incomplete, "jobs")


def jobs_and_sweeps(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    return offered(ctx, incomplete, "sweeps", "jobs")


def offered(ctx: typer.Context, incomplete: str, *nouns: str) -> list[tuple[str, str]]:
    """The newest ids with what they are; nothing where the service does not answer at once."""
    from cli.client import Client
    from cli.client_errors import ClientError

    url = ctx.params.get("url") or os.environ.get("ACTIVATION_LAB_URL") or LOCAL
    key = os.environ.get("ACTIVATION_LAB_API_KEY")
    try:
        with closing(Client(url, api_key=key, attempts=1, timeout_seconds=LONGEST_WAIT_SECONDS)) as client:
            return [found for noun in nouns for found in ids(client, noun) if found[0].startswith(incomplete)]
    except ClientError:
        return []


def ids(client: "Client", noun: str) -> Iterator[tuple[str, str]]:
    found: Iterable[JSON] = client.jobs(limit=OFFERED) if noun == "jobs" else client.sweeps(limit=OFFERED)
    for thing in found:
        what = thing["spec"]["activation"] if noun == "jobs" else f"sweep of {thing['jobs']['total']} jobs"
        yield thing["id"], f"{what}, {thing['state']}"
