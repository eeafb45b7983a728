"""`activation-lab`: the commands that run the service, and those that are clients of its API."""

import os
import sys
from io import TextIOWrapper
from typing import Any

import typer

from cli import commands as client_commands
from cli.exits import INTERRUPTED, fail
from jobs.errors import JobsError
from runtime import settings as service_settings
from runtime.settings import InvalidSettings
from stack.commands import keeping, keys, parts, stacks

app = typer.Typer(
    help="Study activation functions: exact values, and a queue of jobs that train the MNIST CNN for each.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for part in (stacks, parts, keeping):
    app.add_typer(part.app)
app.add_typer(client_commands.app)
app.add_typer(keys.app, name="keys")

UsageError: Any = typer.BadParameter.__base__  # which typer itself does not export


@app.callback()
def check_environment() -> None:
    """Before every command, whose options may come from the environment too."""
    service_settings.strip_carriage_returns(os.environ)
    try:
        service_settings.refuse_unknown(os.environ)
    except InvalidSettings as error:
        raise fail(error) from error


def main() -> None:
    """Run a command; an expected error is one line on stderr and a non-zero exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character that the terminal lacks becomes ?
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()  # not at exit, where a closed pipe could no longer be caught
    except UsageError as error:
        path = error.ctx.command_path if error.ctx else "activation-lab"
        reason = error.format_message().rstrip(".")
        raise SystemExit(fail(f"{reason} (see {path} --help)", status=2).exit_code) from error
    except JobsError as error:
        cause = f" ({str(error.__cause__).splitlines()[0]})" if error.__cause__ else ""
        raise SystemExit(fail(f"{error}{cause}").exit_code) from error
    except typer.Abort as error:
        raise SystemExit(fail("interrupted", status=INTERRUPTED).exit_code) from error
    except BrokenPipeError as error:  # the reader of stdout has ended, as in `activation-lab list | head`
        raise exit_without_stdout(typer.Exit(1)) from error
    except OSError as error:
        file = f" {error.filename}" if error.filename else ""
        raise exit_without_stdout(fail(f"cannot write{file}: {error.strerror or error}")) from error
    raise SystemExit(status)


def exit_without_stdout(end: typer.Exit) -> SystemExit:
    """Discard what is still buffered, which would be an error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return SystemExit(end.exit_code)
