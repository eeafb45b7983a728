"""Drawings of a job by epoch: its loss and accuracy, and the figures of its layers."""

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from api.plots import axes, styles
from api.plots.drawings import Drawing
from api.plots.panels import Line, Panel
from api.plots.styles import Style
from db.history import FigureRow
from db.models import Job
from jobs.metrics import EPOCH_FIGURES, LAYER_FIGURES, Figure


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
