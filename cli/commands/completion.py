"""Shell completion of arguments: quick, and silent where the service does not answer."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from cli.client import JSON, Client

LOCAL = "http://127.0.0.1:8000"
MAX_WAIT_SECONDS = 1.0
MAX_OFFERED = 50


def complete_activation(incomplete: str) -> list[str]:
    """Names of the catalog, without a request to the service."""
    from activations import catalog

    return [name for name in catalog.ACTIVATIONS if name.startswith(incomplete)]


def complete_activations(incomplete: str) -> list[str]:
    """The last name of a list with commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in complete_activation(last)]


def complete_jobs(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    return complete_ids(ctx, incomplete, "jobs")


def complete_jobs_and_sweeps(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    return complete_ids(ctx, incomplete, "sweeps", "jobs")


def complete_ids(ctx: typer.Context, incomplete: str, *nouns: str) -> list[tuple[str, str]]:
    """The newest ids, each with a description; none where the service does not answer within a second."""
    from cli.client import Client
    from cli.client_errors import ClientError

    url = ctx.params.get("url") or os.environ.get("ACTIVATION_LAB_URL") or LOCAL
    key = os.environ.get("ACTIVATION_LAB_API_KEY")
    try:
        with closing(Client(url, api_key=key, attempts=1, timeout_seconds=MAX_WAIT_SECONDS)) as client:
            return [found for noun in nouns for found in list_ids(client, noun) if found[0].startswith(incomplete)]
    except ClientError:
        return []


def list_ids(client: "Client", noun: str) -> Iterator[tuple[str, str]]:
    found: Iterable[JSON] = (
        client.list_jobs(limit=MAX_OFFERED) if noun == "jobs" else client.list_sweeps(limit=MAX_OFFERED)
    )
    for thing in found:
        what = thing["spec"]["activation"] if noun == "jobs" else f"sweep of {thing['jobs']['total']} jobs"
        yield thing["id"], f"{what}, {thing['state']}"
