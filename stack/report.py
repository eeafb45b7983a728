"""The sweep of a demo as figures: a table, two drawings and a CSV file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter
from rich.table import Table as Drawn

from api.http.answers import encode
from api.http.formats import Format
from api.http.tables import ColumnType, Table
from api.plots import styles
from cli import tables

BASELINE = "relu"
ACCURACIES = ("val_accuracy", "val_binary_accuracy")

SMALL: Any = {"loc": "left", "fontsize": "small", "color": "#555555"}  # Any: keywords of several types


@dataclass(frozen=True, slots=True)
class Result:
    """One activation of the sweep."""

    activation: str
    test_accuracy: float
    epochs: Sequence[Mapping[str, Any]]  # as the service sent them

    @property
    def epoch_seconds(self) -> float:
        """The median: the first epoch warms up."""
        return median(self.every("epoch_seconds"))

    def last(self, metric: str) -> float:
        return self.every(metric)[-1]

    def every(self, metric: str) -> list[float]:
        return [float(epoch[metric]) for epoch in self.epochs]


HEADERS = (
    "activation",
    "val loss\nlast/best",
    "val\naccuracy %\nlast/best",
    "val binary\naccuracy %\nlast/best",
    "test\naccuracy\n%",
    "seconds\nan epoch",
    f"times\n{BASELINE}",
)


def table(results: Sequence[Result]) -> Drawn:
    """A row an activation, within 80 columns; the time of an epoch is also told in relu's."""
    baseline = next((result.epoch_seconds for result in results if result.activation == BASELINE), None)
    return tables.table(HEADERS, [row(result, baseline) for result in results])


def row(result: Result, baseline: float | None) -> tables.Row:
    return (
        result.activation,
        f"{result.last('val_loss'):.4f}/{min(result.every('val_loss')):.4f}",
        *(f"{100 * result.last(name):.2f}/{100 * max(result.every(name)):.2f}" for name in ACCURACIES),
        f"{100 * result.test_accuracy:.2f}",
        f"{result.epoch_seconds:.2f}",
        f"{result.epoch_seconds / baseline:.2f}" if baseline else "",
    )


def write(results: Sequence[Result], folder: Path, *, subtitle: str) -> list[Path]:
    """accuracy.png, loss.png and history.csv; the folder exists."""
    drawings = {"accuracy.png": accuracy(results, subtitle), "loss.png": losses(results, subtitle)}
    for name, figure in drawings.items():
        figure.savefig(folder / name)
    write_history(results, folder / "history.csv")
    return [folder / name for name in (*drawings, "history.csv")]


def write_history(results: Sequence[Result], path: Path) -> None:
    rows = [{"activation": result.activation, **exact(epoch)} for result in results for epoch in result.epochs]
    types: dict[str, ColumnType] = {
        name: "string" if isinstance(value, str) else "float64" for name, value in rows[0].items()
    }
    path.write_bytes(encode(Table.of_objects(types, rows), Format.CSV))


def exact(epoch: Mapping[str, Any]) -> dict[str, Any]:
    """With the figures that are not finite, which the service sends beside the others."""
    marks = epoch.get("non_finite") or {}
    figures = {name: value for name, value in epoch.items() if name != "non_finite"}
    return figures | {pointer.removeprefix("/"): float(word) for pointer, word in marks.items()}


def accuracy(results: Sequence[Result], subtitle: str) -> Figure:
    """All of them, and beside it a close-up: the slowest hides what lies between the others."""
    figure = Figure(figsize=(11, 5), dpi=150, layout="constrained")
    everyone, close_up = figure.subplots(1, 2)
    for axes in (everyone, close_up):
        plot(axes, results, "val_accuracy")
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    close_up.set_ylim(*close_up_limits([result.every("val_accuracy") for result in results]))
    everyone.set_ylabel("validation images whose digit is right (%)")
    close_up.set_title("close-up", **SMALL)
    return titled(figure, "Validation accuracy", subtitle)


def close_up_limits(curves: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Around all but the curve that starts lowest, with a twentieth of room."""
    lowest, highest = sorted(min(curve) for curve in curves)[1], max(max(curve) for curve in curves)
    room = max(highest - lowest, 1e-3) / 20
    return lowest - room, highest + room


def losses(results: Sequence[Result], subtitle: str) -> Figure:
    figure = Figure(figsize=(8, 5), dpi=150, layout="constrained")
    axes = figure.subplots()
    plot(axes, results, "val_loss")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("binary cross-entropy (nats an output, log scale)")
    return titled(figure, "Validation loss", subtitle)


def plot(axes: Axes, results: Sequence[Result], metric: str) -> None:
    for result in results:
        own = styles.style_activation(result.activation)
        x, y = result.every("epoch"), result.every(metric)
        axes.plot(x, y, color=own.color, marker=own.marker, label=result.activation)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def titled(figure: Figure, title: str, subtitle: str) -> Figure:
    first = figure.axes[0]
    first.set_title(subtitle, **SMALL)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    figure.legend(*first.get_legend_handles_labels(), frameon=False, loc="outside right center")
    return figure
