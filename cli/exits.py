"""Output of a command, a line at a time, and its failure: one line on stderr and a non-zero exit status."""

import typer

from jobs.text import escape_controls

INTERRUPTED = 130  # as shells have it: 128 + SIGINT


def fail(message: object, *, status: int = 1) -> typer.Exit:
    """Say it in one line on stderr; to be raised."""
    warn(message)
    return typer.Exit(status)


def warn(message: object) -> None:
    say(f"activation-lab: {' '.join(str(message).split())}", err=True)


def say(text: str, *, err: bool = False) -> None:
    """On a line; a control character in what a service or a file holds does nothing to the terminal."""
    typer.echo(escape_controls(text), err=err)
