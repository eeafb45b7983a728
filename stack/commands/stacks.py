"""The commands that run the whole service: `up` and `demo`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import INTERRUPTED, fail, say, warn
from runtime import logs
from stack.configuration import DataDir, RootPath, allow_host, hide_new_files, hide_old_files, open_log, read_settings
from stack.errors import CannotStart, Interrupted, Stopped

app = typer.Typer()


@app.command()
def up(
    host: Annotated[str, typer.Option(help="Address or name to listen on; :: = every address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 = a free one.")] = 8000,
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="How many jobs to train at once.")] = None,
    database_url: Annotated[str | None, typer.Option(help="In place of SQLite in the data folder.")] = None,
    broker_url: Annotated[str | None, typer.Option(help="In place of a Valkey server of its own.")] = None,
    root_path: RootPath = None,
) -> None:
    """Run broker, API and worker until SIGINT or SIGTERM.

    Prints `ready URL` when a job can be posted. The parts log to stack.log in the data folder.
    """
    from stack.up import run_stack

    hide_new_files()
    settings = read_settings(
        data_dir=data_dir,
        worker_processes=workers,
        database_url=database_url,
        broker_url=broker_url,
        root_path=root_path,
    )
    settings = allow_host(settings, host)
    hide_old_files(settings.data_dir)
    with open_log(settings.data_dir) as log:
        logs.start(settings, log)
        say(f"logging to {log.name}", err=True)
        try:
            with run_stack(settings, host=host, port=port, log_to=log) as stack:
                say(f"ready {stack.url}")
                stack.supervise(warn)
        except Stopped:
            return
        except CannotStart as error:
            raise fail(error) from error


@app.command()
def demo(
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="Epochs for each activation.")] = 3,
    samples: Annotated[int, typer.Option(min=128, max=59_400, help="Images to train on.")] = 1000,
    output: Annotated[Path, typer.Option(help="Folder for the drawings, the history and the log.")] = Path(
        "demo-output"
    ),
) -> None:
    """Train the article's six activations on a stack of its own, and compare them.

    Writes drawings of the accuracy (all six, and without sigmoid) and of the loss, history.csv and stack.log to the
    output folder; nothing else is left behind.
    """
    from cli.client_errors import ClientError
    from stack.demo import DemoFailed, run_demo

    if find_spec("torch") is None:
        raise fail("the demo trains: it needs the extra packages of activation-lab[worker]")
    settings = read_settings()
    with open_log(output) as log:
        logs.start(settings, log)
        try:
            run_demo(settings, epochs=epochs, samples=samples, output=output, log=log)
        except (Stopped, Interrupted, KeyboardInterrupt) as error:
            raise fail("interrupted", status=INTERRUPTED) from error
        except (CannotStart, ClientError, DemoFailed, OSError) as error:
            raise fail(error) from error
