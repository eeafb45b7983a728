"""How a command ends badly: one clear line on stderr and a non-zero exit status."""

import typer

INTERRUPTED = 130  # as shells have it: 128 + SIGINT


def fail(message: object, *, status: int = 1) -> typer.Exit:
    """Say it in one line on stderr; to be raised."""
    warn(message)
    return typer.Exit(status)


def warn(message: object) -> None:
    typer.echo(f"activation-lab: {' '.join(str(message).split())}", err=True)
