"""Figures for people: how they are written, and tables of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

Row = Sequence[str]
Answer = Mapping[str, Any]  # as the service sent it


def show(headers: Row, rows: Iterable[Row]) -> None:
    """A table on a terminal; elsewhere lines with tabs between the columns."""
    console = Console()
    if console.is_terminal:
        console.print(table(headers, rows))
    else:
        for row in (headers, *rows):
            print("\t".join(row))  # noqa: T201  # what the command is for


def table(headers: Row, rows: Iterable[Row]) -> Table:
    """The first column names the row, the others are figures."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for number, header in enumerate(headers):
        drawn.add_column(header, justify="right" if number else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    return drawn


def of_jobs(jobs: Iterable[Answer]) -> tuple[Row, Iterable[Row]]:
    headers = ("id", "state", "activation", "epochs", "best val loss", "its accuracy")
    return headers, (job_row(job) for job in jobs)


def job_row(job: Answer) -> Row:
    progress, best = job["progress"], job["best"]
    figures = (loss(best["val_loss"]), percent(best["val_accuracy"])) if best else ("", "")
    return job["id"], job["state"], job["spec"]["activation"], f"{progress['epoch']}/{progress['epochs']}", *figures


def of_epochs(epochs: Iterable[Answer]) -> tuple[Row, Iterable[Row]]:
    return tuple(EPOCH), ([written(epoch[name]) for name, written in EPOCH.items()] for epoch in epochs)


def of_values(evaluation: Answer) -> tuple[Row, Iterable[Row]]:
    columns = ("x", "value", "derivative")
    beyond = evaluation.get("non_finite") or {}

    def exact(column: str, index: int) -> str:
        found = evaluation[column][index]
        return str(beyond.get(f"/{column}/{index}")) if found is None else repr(found)

    return columns, ([exact(column, index) for column in columns] for index in range(len(evaluation["x"])))


def loss(value: float) -> str:
    return f"{value:.5f}"


def percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"


def seconds(value: float) -> str:
    return f"{value:.1f} s"


EPOCH: Mapping[str, Callable[[Any], str]] = {
    "epoch": str,
    "loss": loss,
    "accuracy": percent,
    "binary_accuracy": percent,
    "val_loss": loss,
    "val_accuracy": percent,
    "val_binary_accuracy": percent,
    "epoch_seconds": seconds,
}
