"""Lines on axes as SVG or PNG, in colours and markers that colour-blind readers can tell apart."""

import io
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.responses import Response

from activations.functions import Array
from api.formats import MEDIA_TYPES, Format

if TYPE_CHECKING:  # only a drawing pays for matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito, "Color Universal Design", 2008, without its yellow, which is faint on white; and a marker each.
LOOKS = [
    ("#0072B2", "o"),
    ("#000000", "s"),
    ("#009E73", "^"),
    ("#E69F00", "D"),
    ("#D55E00", "v"),
    ("#CC79A7", "P"),
]
STYLES = ["-", "--", ":", "-."]  # solid for the first lines, then once around the colours for each of the others
MAX_LINES = len(LOOKS) * len(STYLES)
MARKERS = 20  # at most so many on a line
FARTHEST, NEAREST = 1e200, 1e-200  # beyond them the margins and ticks of axes overflow
FEW_DECADES = 1e3  # a log axis of fewer has ticks within its decades
ONE_AT_A_TIME = threading.Lock()  # matplotlib promises nothing to threads


@dataclass(frozen=True, slots=True)
class Line:
    """Points; those that the axes cannot show are left out, and counted in a corner."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    band: tuple[Sequence[float], Sequence[float]] | None = None
    """Lower and upper bounds of y, shaded."""
    look: int | None = None
    """Which of the MAX_LINES colours and styles it has; None = that of its place in the panel."""
    points_only: bool = False
    """Hollow markers and no line: what somebody else measured. The legend does not name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Axes, and at most MAX_LINES lines."""

    xlabel: str
    ylabel: str
    lines: Sequence[Line]
    log: bool = False
    """Whether y, which is not negative, has a logarithmic axis."""
    integers: bool = False
    """Whether x counts something."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Panels, two in a row, under one title."""

    title: str
    panels: Sequence[Panel]
    subtitle: str = ""


def file(drawing: Drawing, kind: Format, stem: str) -> Response:
    """For a browser to show, or to save by the stem (ASCII) and the format. The same data give the same bytes."""
    return Response(
        rendered(drawing, kind),
        media_type=MEDIA_TYPES[kind],
        headers={"Content-Disposition": f'inline; filename="{stem}.{kind}"', "Vary": "Accept"},
    )


def rendered(drawing: Drawing, kind: Format) -> bytes:
    with ONE_AT_A_TIME:
        import matplotlib as mpl  # noqa: PLC0415  # see above

        content = io.BytesIO()
        metadata = {"Title": drawing.title} | ({"Date": None} if kind is Format.SVG else {"Software": None})
        # Text stays text, to be found and read aloud; the salt makes ids that are the same every time.
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "activation-lab"}):
            drawn(drawing).savefig(content, format=kind, metadata=metadata)
        return content.getvalue()


def drawn(drawing: Drawing) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415  # see above

    columns = min(2, len(drawing.panels))
    rows = math.ceil(len(drawing.panels) / columns)
    beside = legend_beside(drawing)
    room = 0.09 * max((len(line.label) for line in beside.lines), default=0) if beside else 0
    figure = Figure(figsize=(2 + 5 * columns + room, 1 + 3.5 * rows), dpi=150, layout="constrained")
    figure.subplots(rows, columns, squeeze=False)
    for axes, panel in zip(figure.axes, drawing.panels, strict=False):
        draw(axes, panel)
    for spare in figure.axes[len(drawing.panels) :]:
        spare.set_axis_off()
    if beside:
        entries = figure.axes[drawing.panels.index(beside)].get_legend_handles_labels()
        figure.legend(*entries, frameon=False, loc="outside right center")
    else:
        add_legends(figure, drawing.panels)
    figure.suptitle(drawing.title, x=0.01, ha="left", fontweight="bold")
    if drawing.subtitle:
        figure.axes[0].set_title(drawing.subtitle, loc="left", fontsize="small", color="#555555")
    return figure


def legend_beside(drawing: Drawing) -> Panel | None:
    """The panel whose legend stands for all, beside them: where they show the same things, and many.

    Above the panels a legend would lie on the subtitle.
    """
    labels = [{line.label for line in panel.lines if not line.points_only} for panel in drawing.panels]
    most, few = max(labels, key=len), 1 if drawing.subtitle else 3
    return drawing.panels[labels.index(most)] if len(most) > few and all(others <= most for others in labels) else None


def add_legends(figure: "Figure", panels: Sequence[Panel]) -> None:
    for axes, panel in zip(figure.axes, panels, strict=False):
        if len(panel.lines) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize="small")


def draw(axes: "Axes", panel: Panel) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # see above

    points = [shown(line.x, line.y, log=panel.log) for line in panel.lines]
    for place, (line, (x, y)) in enumerate(zip(panel.lines, points, strict=True)):
        style, (color, marker) = look(place if line.look is None else line.look)
        every = max(1, math.ceil(len(x) / MARKERS))
        drawn_as: dict[str, Any] = {"label": line.label, "linestyle": style, "markevery": every, "markersize": 4}
        if line.points_only:
            drawn_as = {"label": f"_{line.label}", "linestyle": "none", "markersize": 8, "fillstyle": "none"}
        (curve,) = axes.plot(x, y, color=color, marker=marker, **drawn_as)
        curve.set_clip_on(not np.isfinite(y).any())  # a zero lies on the axis; a line without points lies nowhere
        if line.band is not None:
            bounds = [shown(line.x, bound, log=panel.log)[1] for bound in line.band]
            axes.fill_between(x, *bounds, color=color, alpha=0.15, linewidth=0)
    x, y = np.concatenate([*points, np.empty((2, 0))], axis=1)
    if panel.log:
        set_log_scale(axes, y)
    elif y.size and not y.any():
        axes.set_ylim(0, 1)
    note = f"{np.count_nonzero(np.isnan(y))} not shown: beyond the axes" if np.isnan(y).any() else ""
    corner = note if y.size else "nothing recorded yet"
    axes.text(0.99, 0.01, corner, transform=axes.transAxes, ha="right", va="bottom", fontsize="small")
    if panel.integers and x.size:
        axes.set_xlim(np.min(x) - 0.5, np.max(x) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(panel.xlabel)
    axes.set_ylabel(panel.ylabel)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def look(number: int) -> tuple[str, tuple[str, str]]:
    """Style, and colour with marker."""
    return STYLES[number // len(LOOKS) % len(STYLES)], LOOKS[number % len(LOOKS)]


def set_log_scale(axes: "Axes", y: Array) -> None:
    """Logarithmic from the smallest positive number on; a zero, where there is one, has its place below that."""
    positive = y[y > 0]
    if not positive.size:
        return
    if (y == 0).any():
        axes.set_yscale("symlog", linthresh=max(positive.min(), positive.max() * NEAREST))
        axes.set_ylim(bottom=0)
    else:
        axes.set_yscale("log")
        if positive.max() < positive.min() * FEW_DECADES:
            tick_within_decades(axes)


def tick_within_decades(axes: "Axes") -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: PLC0415  # see above

    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def shown(x: Sequence[float], y: Sequence[float], *, log: bool) -> Array:
    """Both as [2, n], with nan for what the axes cannot show; with a log scale y is not negative."""
    points = np.array([x, y], dtype=np.float64)
    hidden = ~(np.abs(points) <= FARTHEST)
    if log:
        hidden[1] |= (points[1] != 0) & ~(points[1] >= NEAREST)
    points[1, hidden.any(axis=0)] = np.nan
    points[0, hidden[0]] = np.nan
    return points
