"""What every command does with the service, and with what it answers."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.assignments import InvalidAssignment, assign
from cli.exits import INTERRUPTED, fail
from jobs.text import escape_controls

if TYPE_CHECKING:
    from cli.client import JSON, Client
    from cli.tables import Row


@contextmanager
def service(url: str) -> Iterator["Client"]:
    """The service at the URL; what goes wrong with it becomes one line on stderr and a non-zero exit."""
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


def assigned(body: dict[str, Any], assignments: Iterable[str] | None) -> dict[str, Any]:
    try:
        return assign(body, assignments or [])
    except InvalidAssignment as error:
        raise fail(f"--set {error}") from error


def annotated(body: dict[str, Any], name: str | None, note: str | None) -> dict[str, Any]:
    """The body of a job, with a name and a note among its metadata where they are given."""
    words = {key: text for key, text in (("name", name), ("note", note)) if text is not None}
    return {**body, "metadata": words} if words else body


def print_json(*answers: "JSON") -> None:
    for answer in answers:
        typer.echo(json.dumps(answer).replace("\x7f", "\\u007f"))  # the one control character that JSON leaves alone


def table_format(file: Path | None, *, csv: bool, parquet: bool, as_json: bool) -> str | None:
    """The format of the file that is asked for; None for a table or JSON on stdout."""
    if csv + parquet + as_json > 1:
        raise fail("choose one of --csv, --parquet and --json")
    if file and not (csv or parquet):
        raise fail(f"{file} is to be written as what? Choose --csv or --parquet")
    return "csv" if csv else "parquet" if parquet else None


def deliver(
    client: "Client",
    path: str,
    kind: str | None,
    file: Path | None,
    *,
    holding: str,
    as_json: bool,
    table: Callable[[Iterable["JSON"]], tuple["Row", Iterable["Row"]]],
) -> None:
    """What the service has at the path: as a file of that kind, as JSON, or as a table."""
    from cli import tables

    if kind:
        write(client.download(path, {"format": kind}), file, binary=kind == "parquet")
        return
    answer = client.read(path, holding=holding)
    print_json(answer) if as_json else tables.show(*table(answer[holding]))


def drawing_format(file: Path) -> str:
    kind = file.suffix.lstrip(".").lower()
    if kind not in {"svg", "png"}:
        raise fail(f"{file} is to be drawn as what? Give it the ending .svg or .png")
    return kind


def chosen(options: Mapping[str, str | None]) -> dict[str, str | int]:
    return {name: text for name, text in options.items() if text}


def write(content: bytes, file: Path | None, *, binary: bool) -> None:
    if file is None and binary and sys.stdout.isatty():
        raise fail("Parquet is no text for a terminal; name a file")
    try:
        sys.stdout.buffer.write(for_stdout(content, binary=binary)) if file is None else file.write_bytes(content)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise fail(f"cannot write {file or 'to stdout'}: {error.strerror}") from error


def for_stdout(content: bytes, *, binary: bool) -> bytes:
    """Exactly what was sent; but on a terminal, text without what would steer it."""
    if binary or not sys.stdout.isatty():
        return content
    return escape_controls(content.decode(errors="replace"), keep="\r\n\t").encode()
