"""Connect a command to the service, and make the body of its request."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from cli.assignments import InvalidAssignment, assign
from cli.exits import INTERRUPTED, fail

if TYPE_CHECKING:
    from cli.client import Client


@contextmanager
def connect(url: str) -> Iterator["Client"]:
    """A client of the service at the URL; an error becomes one line on stderr and a non-zero exit status."""
    from cli.client import Client
    from cli.client_errors import ClientError, ServiceError

    try:
        with closing(Client(url, api_key=os.environ.get("ACTIVATION_LAB_API_KEY"))) as client:
            yield client
    except ClientError as error:
        unauthorized = isinstance(error, ServiceError) and error.status == 401
        raise fail(f"{error}; put one into ACTIVATION_LAB_API_KEY" if unauthorized else error) from error
    except KeyboardInterrupt as error:
        raise fail("interrupted", status=INTERRUPTED) from error


def assign_fields(body: dict[str, Any], assignments: Iterable[str] | None) -> dict[str, Any]:
    """The body with the values of `--set`."""
    try:
        return assign(body, assignments or [])
    except InvalidAssignment as error:
        raise fail(f"--set {error}") from error


def add_name_and_note(body: dict[str, Any], name: str | None, note: str | None) -> dict[str, Any]:
    """The body with a name and a note among its metadata, where they are given."""
    metadata = {key: text for key, text in (("name", name), ("note", note)) if text is not None}
    return {**body, "metadata": metadata} if metadata else body
