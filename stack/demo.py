"""The article's sweep on a stack of its own: a client that trains it over HTTP and fetches its figures and drawings."""

import os
from collections.abc import Mapping
from contextlib import closing
from math import gcd, nan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from rich.console import Console
from rich.table import Table

from cli.client import JSON, Client
from cli.progress import describe_job_end, open_display, show_sweep
from cli.tables.layout import draw
from cli.tables.table import Row
from jobs.sweep import ARTICLE_ACTIVATIONS
from jobs.text import escape_controls
from runtime.settings import Settings
from stack.up import run_stack

HOLDOUT_FRACTION = 0.01
"""Of the archive: 600 images, whose validation takes a moment."""
BATCH_SIZE = 32
"""Smaller than a job's default, so that few images make enough updates: 94 in three epochs of 1,000."""
FILES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "accuracy.png": ("plot.png", {"metric": "val_accuracy"}),
    "accuracy-without-sigmoid.png": ("plot.png", {"metric": "val_accuracy", "exclude": "sigmoid"}),
    "loss.png": ("plot.png", {"metric": "val_loss"}),
    "history.csv": ("history", {"format": "csv"}),
}
"""Each file, and where below the sweep the API has it."""
HEADERS = (
    "activation",
    "val loss\nlast/best",
    "val\naccuracy %\nlast/best",
    "val binary\naccuracy %\nlast/best",
    "test\naccuracy\n%",
    "seconds\nan epoch",
    "times\nrelu",
)


class DemoFailed(Exception):
    """A job did not succeed; the message names it and gives the reason."""


def run_demo(settings: Settings, *, epochs: int, samples: int, output: Path, log: IO[str]) -> None:
    """Bring up a stack, train the six, write the files into the output folder, and print the table.

    Raises:
        CannotStart, Stopped: as from run_stack.
        Interrupted: a signal came before the last job's end.
        ClientError: as from cli.client.
        DemoFailed: a job did not succeed.
    """
    console, base = Console(highlight=False), make_base(epochs=epochs, samples=samples)
    data = f"MNIST, {samples:,} training images in batches of {BATCH_SIZE}, {HOLDOUT_FRACTION:.0%} held out, seed 0"
    console.print(f"{data}; {epochs} epochs for each of {len(ARTICLE_ACTIVATIONS)} activations")
    with (
        TemporaryDirectory(prefix="activation-lab-") as folder,
        run_stack(isolate(settings, Path(folder)), host="127.0.0.1", port=0, log_to=log) as stack,
        closing(Client(stack.url)) as client,
    ):
        sweep = stack.supervise_during(lambda: train(client, base, output, console))
    console.print(tabulate(sweep))
    for name in FILES:
        console.print(f"wrote {escape_controls(str(output / name))}", soft_wrap=True, markup=False, emoji=False)


def isolate(settings: Settings, folder: Path) -> Settings:
    """The settings without the database and the broker of a service that the environment may name."""
    return Settings.model_construct(
        data_dir=folder,
        mnist_dir=settings.mnist_dir,
        worker_processes=choose_processes(settings),
        worker_threads=settings.worker_threads,
        log_level=settings.log_level,
        log_format=settings.log_format,
    )


def choose_processes(settings: Settings) -> int:
    """As many jobs at once as divide both the jobs and the cores evenly: a core does more alone than as one of two."""
    if "worker_processes" in settings.model_fields_set:
        return settings.worker_processes
    return gcd(len(ARTICLE_ACTIVATIONS), os.cpu_count() or 1)


def make_base(*, epochs: int, samples: int) -> JSON:
    """The fields of every job; a sweep's default activations are the article's six."""
    return {
        "epochs": epochs,
        "batch_size": BATCH_SIZE,
        "train_samples": samples,
        "validation": {"kind": "holdout", "fraction": HOLDOUT_FRACTION},
    }


def train(client: Client, base: JSON, output: Path, console: Console) -> JSON:
    """Train the sweep and download its files; returns the sweep at its end."""
    sweep_id = client.submit_sweep({"base": base})["id"]
    filters = {"sweep_id": sweep_id, "sort": "created_at"}
    jobs = {job["id"]: job for job in client.list_jobs(filters=filters)}
    with open_display([*jobs.values()], console) as show:
        show_sweep(client.read_events(sweep_id, of="sweeps"), jobs, show)
    for job in client.list_jobs(filters=filters):
        if job["state"] != "succeeded":
            raise DemoFailed(f"{job['spec']['activation']} {describe_job_end(job)}")
    for name, (path, query) in FILES.items():
        (output / name).write_bytes(client.download(f"{client.make_path(sweep_id, 'sweeps')}/{path}", query))
    return client.get(sweep_id, of="sweeps")


def tabulate(sweep: JSON) -> Table:
    """A row an activation, within 80 columns."""
    return draw(HEADERS, [format_row(configuration) for configuration in sweep["configurations"]])


def format_row(configuration: JSON) -> Row:
    final, best, ratio = configuration["final"], configuration["best"], configuration["ratio_to_relu"]
    accuracies = ("val_accuracy", "val_binary_accuracy")
    return (
        configuration["activation"],
        f"{mean(final['val_loss']):.4f}/{mean(best['val_loss']):.4f}",
        *(f"{100 * mean(final[name]):.2f}/{100 * mean(best[name]):.2f}" for name in accuracies),
        f"{100 * mean(configuration['test']['accuracy']):.2f}",
        f"{mean(configuration['epoch_seconds']):.2f}",
        "" if ratio is None else f"{ratio:.2f}",
    )


def mean(estimate: Mapping[str, Any] | None) -> float:
    """The figure of the only seed; nan where the service has no finite one."""
    found = None if estimate is None else estimate["mean"]
    return nan if found is None else float(found)
