"""Drawings of a sweep: the mean of each configuration by epoch, and the article's points."""

from collections.abc import Sequence
from dataclasses import replace

from api.plots import axes, styles
from api.plots.drawings import Drawing
from api.plots.panels import Line, Panel
from api.sweeps.selection import Selection
from api.sweeps.table import count_variants
from article import published
from db.sweep_results import Mean
from jobs.metrics import EPOCH_FIGURES, Figure
from jobs.sweep import Configuration, SweepSpec


def draw_sweep(found: Selection, *, with_published: bool) -> Drawing:
    """Draw a panel for each metric of the selection."""
    figures = [EPOCH_FIGURES[name] for name in found.means]
    panels = [make_panel(found, figure) for figure in figures]
    title = " and ".join([figures[0].title, *(figure.title.lower() for figure in figures[1:])])
    subtitle = describe_lines(found)
    if with_published:
        panels = [add_published(found, panel, figure) for panel, figure in zip(panels, figures, strict=True)]
        subtitle += "; hollow markers: as published"
    return Drawing(title, panels, subtitle)


def make_panel(found: Selection, figure: Figure) -> Panel:
    means = found.means[figure.name]
    lines = [
        make_line(found.spec, configuration, means.get(configuration.number, []), axes.scale(figure))
        for configuration in found.configurations
    ]
    return axes.make_panel(figure, lines)


def make_line(spec: SweepSpec, configuration: Configuration, means: Sequence[Mean], factor: float) -> Line:
    band = ([factor * mean.low for mean in means], [factor * mean.high for mean in means])
    return Line(
        configuration.label,
        [mean.epoch for mean in means],
        [factor * mean.mean for mean in means],
        band=band,
        style=styles.style_activation(configuration.activation, count_variants(spec, configuration)),
    )


def add_published(found: Selection, panel: Panel, figure: Figure) -> Panel:
    """Add the article's points of each line's activation, as far as our epochs go."""
    last = max((epoch for line in panel.lines for epoch in line.x), default=0)
    lines = [
        make_published_line(configuration.activation, ours, figure, last=last)
        for configuration, ours in zip(found.configurations, panel.lines, strict=True)
    ]
    return replace(panel, lines=[*panel.lines, *lines])


def make_published_line(activation: str, ours: Line, figure: Figure, *, last: float) -> Line:
    points = [point for point in published.read_points(activation, figure.name) if point.epoch <= last]
    y = [axes.scale(figure) * point.value for point in points]
    return Line("published", [point.epoch for point in points], y, style=ours.style, points_only=True)


def describe_lines(found: Selection) -> str:
    drawn, seeds = found.configurations, len(found.spec.seeds)
    text = f"mean of {seeds} seeds, as far as trained; band from the lowest to the highest" if seeds > 1 else "one seed"
    if len(drawn) == 1:  # which has no legend
        return f"{drawn[0].label}: {text}"
    if len(drawn) < found.total:
        return f"{text}; {len(drawn)} of {found.total} configurations: those of the lowest validation loss"
    return text
