"""`activation-lab`: runs the service and its parts, and is a client of its API. Thin over both."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from cli import commands
from cli.exits import INTERRUPTED, fail, say, warn
from jobs.errors import JobsError
from runtime import logs
from runtime import settings as service_settings
from runtime.settings import InvalidRootPath, InvalidSettings, Settings, normal_root_path

app = typer.Typer(
    help="Study activation functions: exact values, and a queue of jobs that train the MNIST CNN for each.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(commands.app)


@app.callback()
def prepare() -> None:
    """Before a command, whose options may come from the environment too."""
    service_settings.without_line_ends(os.environ)
    try:
        service_settings.refuse_unknown(os.environ)
    except InvalidSettings as error:
        raise fail(error) from error


UsageError: Any = typer.BadParameter.__base__  # which typer itself does not export


def main() -> None:
    """Run a command; an error that has a name is one line on stderr and a non-zero exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows ? in its place
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
    except BrokenPipeError as error:  # whoever read stdout has seen enough, as in `activation-lab list | head`
        raise without_stdout(typer.Exit(1)) from error
    except OSError as error:
        file = f" {error.filename}" if error.filename else ""
        raise without_stdout(fail(f"cannot write{file}: {error.strerror or error}")) from error
    raise SystemExit(status)


def without_stdout(end: typer.Exit) -> SystemExit:
    """What is still buffered goes nowhere, and not into an error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return SystemExit(end.exit_code)


def chosen_settings(**chosen: object) -> Settings:
    """The settings of the environment, with those that the command line chose in their place."""
    try:
        return service_settings.read(**{name: value for name, value in chosen.items() if value is not None})
    except InvalidSettings as error:
        raise fail(error) from error


def configured(**chosen: object) -> Settings:
    """The settings of a part that runs alone, which logs to stderr."""
    settings = chosen_settings(**chosen)
    logs.start(settings, sys.stderr)
    return settings


@contextmanager
def log_file(folder: Path) -> Iterator[IO[str]]:
    """`stack.log` in the folder: every part of the stack appends to it."""
    path = folder.resolve() / "stack.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = path.open("a", buffering=1)  # line by line, as others write to it too
    except OSError as error:
        raise fail(f"cannot write {path}: {error.strerror}") from error
    with log:
        yield log


def plain_path(text: str | None) -> str | None:
    try:
        return None if text is None else normal_root_path(text)
    except InvalidRootPath as error:
        raise typer.BadParameter(str(error)) from error


RootPath = Annotated[
    str | None,
    typer.Option(help="Path below which a proxy shows the service, such as /lab.", callback=plain_path),
]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the database, the broker's files and the checkpoints.")]


@app.command()
def up(
    host: Annotated[str, typer.Option(help="Address or name to listen on; :: = every address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 = a free one.")] = 8000,
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Jobs trained at once.")] = None,
    database_url: Annotated[str | None, typer.Option(help="In place of SQLite in the data folder.")] = None,
    broker_url: Annotated[str | None, typer.Option(help="In place of a Valkey of its own.")] = None,
    root_path: RootPath = None,
) -> None:
    """Run broker, API and worker until SIGINT or SIGTERM.

    Prints `ready URL` when a job can be posted. What the parts log goes to stack.log in the data folder.
    """
    from stack.up import CannotStart, Stopped, running  # noqa: PLC0415  # keeps the other commands quick

    settings = chosen_settings(
        data_dir=data_dir,
        worker_processes=workers,
        database_url=database_url,
        broker_url=broker_url,
        root_path=root_path,
    )
    with log_file(settings.data_dir) as log:
        logs.start(settings, log)
        say(f"logging to {log.name}", err=True)
        try:
            with running(settings, host=host, port=port, log_to=log) as stack:
                say(f"ready {stack.url}")
                stack.supervise(tell=warn)
        except Stopped:
            return
        except CannotStart as error:
            raise fail(error) from error


@app.command()
def demo(
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="Epochs for each activation.")] = 3,
    samples: Annotated[int, typer.Option(min=128, max=54_000, help="Images to train on.")] = 6000,
    output: Annotated[Path, typer.Option(help="Folder of the drawings, the history and the log.")] = Path(
        "demo-output"
    ),
) -> None:
    """Train the article's six activations on a stack of its own, and compare them.

    Writes accuracy.png, loss.png, history.csv and stack.log to the output folder; nothing else is left behind.
    """
    from cli.client_errors import ClientError  # noqa: PLC0415
    from stack import demo  # noqa: PLC0415  # keeps the other commands quick
    from stack.up import CannotStart, Stopped  # noqa: PLC0415

    if find_spec("torch") is None:
        raise fail("the demo trains: it needs the extra packages of activation-lab[worker]")
    settings = chosen_settings()
    with log_file(output) as log:
        logs.start(settings, log)
        try:
            demo.run(settings, epochs=epochs, samples=samples, output=output, log=log)
        except (Stopped, demo.Interrupted, KeyboardInterrupt) as error:
            raise fail("interrupted", status=INTERRUPTED) from error
        except (CannotStart, ClientError, demo.DemoFailed, OSError) as error:
            raise fail(error) from error


@app.command()
def api(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    fd: Annotated[int | None, typer.Option(help="An inherited listening socket, in place of both.")] = None,
    root_path: RootPath = None,
) -> None:
    """Run the API alone."""
    # Before NumPy is imported: beside a worker on the same cores, more threads would wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import uvicorn  # noqa: PLC0415  # keeps the other commands quick

    from api.main import create_app  # noqa: PLC0415

    uvicorn.run(
        create_app(configured(root_path=root_path)),
        host=host,
        port=port,
        fd=fd,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # api.http.proxy reads them
        timeout_graceful_shutdown=2,  # streams have no end of their own
    )


@app.command()
def worker() -> None:
    """Run a worker alone."""
    from worker.main import main as work  # noqa: PLC0415  # keeps the other commands quick

    work(configured())


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    from db import schema  # noqa: PLC0415  # keeps the other commands quick

    schema.migrate(configured().database)


keys = typer.Typer(help="API keys, for a service that runs with ACTIVATION_LAB_AUTH=keys.", no_args_is_help=True)
app.add_typer(keys, name="keys")
KeyName = Annotated[str, typer.Argument(help="Whose key it is.")]


@keys.command("create")
def create_key(name: KeyName) -> None:
    """Make a key and print it, for the only time."""
    from db import keys as stored  # noqa: PLC0415  # keeps the other commands quick
    from db.session import connect  # noqa: PLC0415

    with connect(configured().database, goes_first=True).begin() as session:
        typer.echo(stored.create(session, name))


@keys.command("list")
def list_keys() -> None:
    """Print the names of the keys."""
    from db import keys as stored  # noqa: PLC0415  # keeps the other commands quick
    from db.session import connect  # noqa: PLC0415

    with connect(configured().database).read() as session:
        for name in stored.list_names(session):
            say(name)


@keys.command("revoke")
def revoke_key(name: KeyName) -> None:
    """Make a key invalid."""
    from db import keys as stored  # noqa: PLC0415  # keeps the other commands quick
    from db.session import connect  # noqa: PLC0415

    with connect(configured().database, goes_first=True).begin() as session:
        known = stored.revoke(session, name)
    if not known:
        raise fail(f"there is no key named {name}")
