"""What every command does with the service, and with what it answers."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from stack.assignments import InvalidAssignment, assign
from stack.exits import INTERRUPTED, fail

if TYPE_CHECKING:
    from stack.client import JSON, Client


@contextmanager
def service(url: str) -> Iterator["Client"]:
    """The service at the URL; what goes wrong with it becomes one line on stderr and a non-zero exit."""
    from stack.client import Client
    from stack.client_errors import ClientError, ServiceError

    try:
        with closing(Client(url, api_key=os.environ.get("ACTIVATION_LAB_API_KEY"))) as client:
            yield client
    except ClientError as error:
        unauthorized = isinstance(error, ServiceError) and error.status == 401
        raise fail(f"{error}; put one into ACTIVATION_LAB_API_KEY" if unauthorized else error) from error
    except KeyboardInterrupt as error:
        raise fail("interrupted", status=INTERRUPTED) from error


def assigned(body: dict[str, Any], assignments: Iterable[str] | None) -> dict[str, Any]:
    try:
        return assign(body, assignments or [])
    except InvalidAssignment as error:
        raise fail(f"--set {error}") from error


def print_json(*answers: "JSON") -> None:
    for answer in answers:
        typer.echo(json.dumps(answer))


def write(content: bytes, file: Path | None, *, binary: bool) -> None:
    if file is None and binary and sys.stdout.isatty():
        raise fail("Parquet is no text for a terminal; name a file")
    try:
        sys.stdout.buffer.write(content) if file is None else file.write_bytes(content)
    except OSError as error:
        raise fail(f"cannot write {file or 'to stdout'}: {error.strerror}") from error
