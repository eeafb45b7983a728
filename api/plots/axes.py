"""The axes that a drawing has for a figure by epoch."""

from collections.abc import Sequence

from api.plots.panels import Line, Panel
from jobs.metrics import Figure


def make_panel(figure: Figure, lines: Sequence[Line], *, with_stage: bool = True) -> Panel:
    ylabel = label(figure, with_stage=with_stage)
    return Panel(xlabel="epoch", ylabel=ylabel, lines=lines, log=figure.log, integers=True)


def label(figure: Figure, *, with_stage: bool = True) -> str:
    """Write a label such as `training loss (nats, log scale)`, without the stage for an axis of both."""
    stage = f"{figure.stage} " if figure.stage and with_stage else ""
    unit = "%" if figure.percent else figure.unit
    more = ", ".join(filter(None, (unit, "log scale" if figure.log else "")))
    return f"{stage}{figure.axis or figure.title.lower()}" + (f" ({more})" if more else "")


def scale(figure: Figure) -> float:
    """Find the factor that brings a figure into the axis's unit."""
    return 100 if figure.percent else 1
