"""Write an answer of the service: as a table, as JSON, or to a file in a format that the service writes."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.exits import fail
from jobs.text import escape_controls

if TYPE_CHECKING:
    from cli.client import JSON, Client
    from cli.tables.table import Table


def print_json(*answers: "JSON") -> None:
    for answer in answers:
        typer.echo(json.dumps(answer).replace("\x7f", "\\u007f"))  # the one control character that JSON leaves alone


def print_table(table: "Table") -> None:
    from cli.tables import layout

    layout.print_table(table)


def print_answer(answer: "JSON", tabulate: Callable[["JSON"], "Table"], *, as_json: bool) -> None:
    print_json(answer) if as_json else print_table(tabulate(answer))


def print_list(found: Iterable["JSON"], tabulate: Callable[[Iterable["JSON"]], "Table"], *, as_json: bool) -> None:
    """Print a table, or a line of JSON for each."""
    print_json(*found) if as_json else print_table(tabulate(found))


def choose_table_format(file: Path | None, *, csv: bool, parquet: bool, as_json: bool) -> str | None:
    """The format of the file; None for a table or JSON on stdout."""
    if csv + parquet + as_json > 1:
        raise fail("choose one of --csv, --parquet and --json")
    if file and not (csv or parquet):
        raise fail(f"unknown output format for {file}: use --csv or --parquet")
    return "csv" if csv else "parquet" if parquet else None


def choose_drawing_format(file: Path) -> str:
    suffix = file.suffix.lstrip(".").lower()
    if suffix not in {"svg", "png"}:
        raise fail(f"unknown drawing format for {file}: use a name that ends in .svg or .png")
    return suffix


def output_table(
    client: "Client",
    path: str,
    file_format: str | None,
    file: Path | None,
    *,
    holding: str,
    as_json: bool,
    tabulate: Callable[["JSON"], "Table"],
) -> None:
    """Write the answer at the path to a file in the format, or print it as JSON or as a table."""
    if file_format:
        write(client.download(path, {"format": file_format}), file, binary=file_format == "parquet")
    else:
        print_answer(client.read(path, holding=holding), tabulate, as_json=as_json)


def write(content: bytes, file: Path | None, *, binary: bool) -> None:
    if file is None and binary and sys.stdout.isatty():
        raise fail("Parquet is binary: name a file, or redirect stdout")
    try:
        if file is None:
            sys.stdout.buffer.write(make_safe_for_stdout(content, binary=binary))
        else:
            file.write_bytes(content)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise fail(f"cannot write {file or 'to stdout'}: {error.strerror}") from error


def make_safe_for_stdout(content: bytes, *, binary: bool) -> bytes:
    """The content unchanged; on a terminal, text with its control characters written out."""
    if binary or not sys.stdout.isatty():
        return content
    return escape_controls(content.decode(errors="replace"), keep="\r\n\t").encode()
