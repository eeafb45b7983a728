"""Print a command's lines, and its error as one line on stderr with a non-zero exit status."""

import typer

from jobs.text import escape_controls

INTERRUPTED = 130  # as shells have it: 128 + SIGINT


def fail(message: object, *, status: int = 1) -> typer.Exit:
    """Print the message as one line on stderr; returns the exception to raise."""
    warn(message)
    return typer.Exit(status)


def warn(message: object) -> None:
    say(f"activation-lab: {' '.join(str(message).split())}", err=True)


def say(text: str, *, err: bool = False) -> None:
    """Print a line. Control characters in it are written out, so that they cannot act on the terminal."""
    typer.echo(escape_controls(text), err=err)
