"""The article's sweep from nothing to a table and two drawings: a stack of its own, used over HTTP."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TypeVar

from rich.console import Console

from cli.client import JSON, Client
from cli.progress import Show, outcome, shown
from jobs.sweep import ARTICLE_ACTIVATIONS
from jobs.text import escape_controls
from runtime.settings import Settings
from stack import report
from stack.report import Result
from stack.up import Stack, running

log = logging.getLogger(__name__)
T = TypeVar("T")

HOLDOUT_FRACTION = 0.1


class DemoFailed(Exception):
    """A job did not succeed; the message says which, and why."""


class Interrupted(Exception):
    """A signal came before the last job's end."""


def run(settings: Settings, *, epochs: int, samples: int, output: Path, log: IO[str]) -> None:
    """Bring up a stack, train the six, take it down, and report into the output folder.

    Raises:
        CannotStart, Stopped: as from stack.up.running.
        ClientError: as from cli.client.
        DemoFailed, Interrupted: there is nothing to report.
    """
    console = Console(highlight=False)
    subtitle = f"MNIST, {samples:,} training images, {HOLDOUT_FRACTION:.0%} of the archive held out, seed 0"
    console.print(f"{subtitle}; {epochs} epochs for each of {len(ARTICLE_ACTIVATIONS)} activations")
    results = measure(settings, epochs=epochs, samples=samples, log=log, console=console)
    console.print(report.table(results))
    for path in report.write(results, output, subtitle=subtitle):
        console.print(f"wrote {escape_controls(str(path))}", soft_wrap=True, markup=False, emoji=False)


def measure(settings: Settings, *, epochs: int, samples: int, log: IO[str], console: Console) -> list[Result]:
    with (
        TemporaryDirectory(prefix="activation-lab-") as folder,
        running(settings_of_its_own(settings, Path(folder)), host="127.0.0.1", port=0, log_to=log) as stack,
        closing(Client(stack.url)) as client,
    ):
        sweep = client.submit_sweep({"base": base(epochs=epochs, samples=samples)})
        jobs = [*client.jobs(filters={"sweep_id": sweep["id"], "sort": "created_at"})]
        with shown(jobs, console) as show:
            return while_supervised(stack, lambda: [followed(client, job, show) for job in jobs])


def settings_of_its_own(settings: Settings, folder: Path) -> Settings:
    """Not the database or the broker of another service that the environment may name."""
    return Settings.model_construct(
        data_dir=folder,
        mnist_dir=settings.mnist_dir,
        worker_threads=settings.worker_threads,
        log_level=settings.log_level,
        log_format=settings.log_format,
    )


def base(*, epochs: int, samples: int) -> JSON:
    """What the jobs have in common; a sweep's default activations are the article's six."""
    return {
        "epochs": epochs,
        "train_samples": samples,
        "validation": {"kind": "holdout", "fraction": HOLDOUT_FRACTION},
    }


def followed(client: Client, job: JSON, show: Show) -> Result:
    """The job at its end. One after the other will do: the only worker takes them in this order."""
    for event in client.events(job["id"]):
        show(job, event)
    ended, name = client.get(job["id"]), job["spec"]["activation"]
    if ended["state"] != "succeeded":
        raise DemoFailed(f"{name} {outcome(ended)}")
    return Result(name, ended["test"]["accuracy"], client.history(job["id"]))


def while_supervised(stack: Stack, call: Callable[[], T]) -> T:
    """What the call returns, made in another thread.

    This one supervises: the children die with the thread that started them. It waits for the call no longer than for
    the first signal.
    """
    outcome: Future[T] = Future()

    def work() -> None:
        try:
            outcome.set_result(call())
        except Exception as error:  # noqa: BLE001  # raised where it is waited for
            outcome.set_exception(error)
        stack.stopping.set()

    threading.Thread(target=work, daemon=True).start()
    stack.supervise(tell=log.warning)
    if not outcome.done():
        raise Interrupted
    return outcome.result()
