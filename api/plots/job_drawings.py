"""Drawings of a job by epoch: its loss and accuracy, the figures of its layers, and its learnt parameters."""

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from api.plots import axes, styles
from api.plots.drawings import Drawing
from api.plots.panels import Line, Panel
from api.plots.styles import Style
from db.history import FigureRow
from db.models import Job
from jobs.metrics import EPOCH_FIGURES, LAYER_FIGURES, PARAMETER_FIGURES, Figure

SUBTITLES = {
    "": "no parameter of its activation is learnt",
    "network": "one value for all layers",
    "layer": "one value for each layer",
    "channel": "mean over the channels of a layer; band from the least value to the greatest",
}
"""By `trainable.per`."""


def draw_job(job: Job, epochs: Sequence[FigureRow]) -> Drawing:
    own = styles.style_activation(job.activation)
    panels = [
        axes.make_panel(
            training,
            [
                replace(make_line("training", epochs, training, replace(own, dash=styles.DOTTED)), hollow=True),
                make_line("validation", epochs, validation, own),
            ],
            with_stage=False,
        )
        for training, validation in (
            (EPOCH_FIGURES["loss"], EPOCH_FIGURES["val_loss"]),
            (EPOCH_FIGURES["accuracy"], EPOCH_FIGURES["val_accuracy"]),
        )
    ]
    return Drawing(make_title(job), panels)


def draw_layers(job: Job, rows: Sequence[FigureRow]) -> Drawing:
    figures = filter(attrgetter("plotted"), LAYER_FIGURES.values())
    return Drawing(f"{make_title(job)}: its layers", [draw_figure(rows, figure) for figure in figures])


def draw_parameters(job: Job, rows: Sequence[FigureRow]) -> Drawing:
    """Draw a panel for each parameter that the job learns; an empty one where it learns none."""
    trainable = job.spec.get("trainable") or {"parameters": [], "per": ""}
    panels = [draw_parameter(name, [row for row in rows if row.parameter == name]) for name in trainable["parameters"]]
    title = f"{make_title(job)}: its learnt parameters"
    return Drawing(title, panels or [draw_parameter("", [])], SUBTITLES.get(trainable["per"], ""))


def draw_parameter(name: str, rows: Sequence[FigureRow]) -> Panel:
    layers = dict.fromkeys(row.layer for row in rows)
    lines = [
        make_band(layer, [row for row in rows if row.layer == layer], styles.style_number(number))
        for number, layer in enumerate(layers)
    ]
    return Panel(xlabel="epoch", ylabel=name, lines=lines, integers=True)


def make_band(label: str, rows: Sequence[FigureRow], style: Style) -> Line:
    """Draw the mean by epoch, and a band from the least to the greatest value."""
    whole = [row for row in rows if None not in (row.mean, row.minimum, row.maximum)]  # SQLite stores NaN as NULL
    band = [row.minimum for row in whole], [row.maximum for row in whole]
    return replace(make_line(label, whole, PARAMETER_FIGURES["mean"], style), band=band)


def draw_figure(rows: Sequence[FigureRow], figure: Figure) -> Panel:
    """Draw a figure of each layer that has any."""
    names = dict.fromkeys(row.layer for row in rows)
    lines = [
        make_line(layer, [row for row in rows if row.layer == layer], figure, styles.style_number(number))
        for number, layer in enumerate(names)
    ]
    return axes.make_panel(figure, [line for line in lines if line.x])


def make_line(label: str, rows: Sequence[FigureRow], figure: Figure, style: Style) -> Line:
    """Draw by epoch; where a layer has no such figure, it has no point."""
    found = [(row.epoch, getattr(row, figure.name)) for row in rows if getattr(row, figure.name) is not None]
    return Line(label, [epoch for epoch, _ in found], [axes.scale(figure) * value for _, value in found], style=style)


def make_title(job: Job) -> str:
    return f"{job.activation}, seed {job.spec['seed']}"
