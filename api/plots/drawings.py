"""Lines on axes as SVG or PNG, in the looks of `looks.py`. Text is drawn as it is: no markup, and never too long."""

import io
import math
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from activations.catalog import Jump
from activations.functions import Array
from api.http.formats import Format
from api.plots import looks
from api.plots.looks import Dash, Look
from jobs.text import shortened, width

if TYPE_CHECKING:  # only a drawing pays for matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_LINES = 24
LONGEST_LABEL = 80  # columns; a Chinese character takes two
LONGEST_TITLE = 90
MARKERS = 20  # at most so many on a line
LINE_POINTS = 1.6
FARTHEST, NEAREST = 1e200, 1e-200  # beyond them the margins and ticks of axes overflow
FEW_DECADES = 1e3  # a log axis of fewer has ticks within its decades
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
ONE_AT_A_TIME = threading.Lock()  # matplotlib promises nothing to threads


@dataclass(frozen=True, slots=True)
class Line:
    """Points; those that the axes cannot show are left out, and counted in a corner."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    band: tuple[Sequence[float], Sequence[float]] | None = None
    """Lower and upper bounds of y, shaded."""
    look: Look | None = None
    """None = of no activation: that of its place in the panel."""
    hollow: bool = False
    """Whether its markers are."""
    jumps: Sequence[Jump] = ()
    """Where it breaks off and goes on elsewhere, with a dot filled where it is, and open where it only tends to."""
    points_only: bool = False
    """Hollow markers and no line: what somebody else measured. The legend does not name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Axes, and at most MAX_LINES lines, each named in the legend."""

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

    def render(self, kind: Format) -> bytes:
        """As SVG or PNG; the same data give the same bytes."""
        with ONE_AT_A_TIME, plain_text():
            content = io.BytesIO()
            title = shortened(self.title, LONGEST_TITLE)
            metadata = {"Title": title} | ({"Date": None} if kind is Format.SVG else {"Software": None})
            drawn(self).savefig(content, format=kind, metadata=metadata)
            return content.getvalue()


@contextmanager
def plain_text() -> Iterator[None]:
    """Matplotlib draws text as it is: `$` is a dollar, and what the font lacks is a box without a word about it."""
    import matplotlib as mpl  # noqa: PLC0415  # see above

    # Text stays text, to be found and read aloud; the salt makes ids that are the same every time.
    with (
        mpl.rc_context({"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "activation-lab"}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def drawn(drawing: Drawing) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415  # see above

    columns = min(2, len(drawing.panels))
    rows = math.ceil(len(drawing.panels) / columns)
    beside = legend_beside(drawing)
    entries = [label_of(line) for line in beside.lines if not line.points_only] if beside else []
    room = 0.09 * max(map(width, entries), default=0)
    height = max(1 + 3.5 * rows, 0.5 + 0.22 * len(entries))
    figure = Figure(figsize=(2 + 5 * columns + room, height), dpi=150, layout="constrained")
    figure.subplots(rows, columns, squeeze=False)
    for axes, panel in zip(figure.axes, drawing.panels, strict=False):
        draw(axes, panel)
    for spare in figure.axes[len(drawing.panels) :]:
        spare.set_axis_off()
    if beside:
        handles = figure.axes[drawing.panels.index(beside)].get_legend_handles_labels()
        figure.legend(*handles, frameon=False, loc="outside right center", handlelength=3.5)
    else:
        add_legends(figure, drawing.panels)
    figure.suptitle(shortened(drawing.title, LONGEST_TITLE), x=0.01, ha="left", fontweight="bold")
    if drawing.subtitle:
        subtitle = shortened(drawing.subtitle, 2 * LONGEST_TITLE)
        figure.axes[0].set_title(subtitle, loc="left", fontsize="small", color="#555555")
    return figure


def label_of(line: Line) -> str:
    return shortened(line.label, LONGEST_LABEL)


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
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize="small", handlelength=3.5)


def draw(axes: "Axes", panel: Panel) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # see above

    points = [shown(line.x, line.y, log=panel.log) for line in panel.lines]
    for place, (line, (x, y)) in enumerate(zip(panel.lines, points, strict=True)):
        own = line.look or looks.numbered(place)
        (curve,) = axes.plot(*broken(x, y, line.jumps), **style(line, own, points=len(x)))
        curve.set_gid(f"line-{axes.figure.axes.index(axes) + 1}-{place + 1}")
        curve.set_clip_on(not np.isfinite(y).any())  # a zero lies on the axis; a line without points lies nowhere
        for jump in line.jumps:
            mark(axes, jump, own.color)
        if line.band is not None:
            bounds = [shown(line.x, bound, log=panel.log)[1] for bound in line.band]
            axes.fill_between(x, *bounds, color=own.color, alpha=0.15, linewidth=0)
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
    axes.set_xlabel(shortened(panel.xlabel, LONGEST_LABEL))
    axes.set_ylabel(shortened(panel.ylabel, LONGEST_LABEL))
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def style(line: Line, own: Look, *, points: int) -> dict[str, Any]:
    """As matplotlib's keywords, which are of several types."""
    every = max(1, math.ceil(points / MARKERS))
    hollow = {"fillstyle": "none"} if line.hollow or line.points_only else {}
    shared = {"color": own.color, "marker": own.marker, "linewidth": LINE_POINTS, **hollow}
    if line.points_only:  # an underscore keeps it out of the legend
        return {**shared, "label": "_published", "linestyle": "none", "markersize": 8}
    return {**shared, "label": label_of(line), "linestyle": dashes(own.dash), "markevery": every, "markersize": 4}


def dashes(dash: Dash) -> Any:  # noqa: ANN401  # matplotlib's LineStyleType
    """Matplotlib counts them in widths of the line, too."""
    return (0, dash) if dash else "solid"


def broken(x: Array, y: Array, jumps: Sequence[Jump]) -> tuple[Array, Array]:
    """The points with both limits of each jump in place of whatever is there, and nothing between them."""
    for jump in jumps:
        before, after = x < jump.x, x > jump.x
        y = np.concatenate([y[before], [jump.below, np.nan, jump.above], y[after]])
        x = np.concatenate([x[before], [jump.x] * 3, x[after]])
    return x, y


def mark(axes: "Axes", jump: Jump, color: str) -> None:
    drawn_as: dict[str, Any] = {"color": color, "marker": "o", "markersize": 6, "linestyle": "none", "zorder": 3}
    for limit in {jump.below, jump.above} - {jump.at}:
        axes.plot([jump.x], [limit], markerfacecolor="white", **drawn_as)
    axes.plot([jump.x], [jump.at], **drawn_as)


def set_log_scale(axes: "Axes", y: Array) -> None:
    """Logarithmic from the smallest positive number on; a zero, where there is one, has its place below that."""
    from matplotlib.ticker import FuncFormatter  # noqa: PLC0415  # see above

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
            return
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))


def power_of_ten(value: float) -> str:
    """Matplotlib's own are markup: 10⁻³, and 5·10⁻³ where a tick lies between two."""
    if value == 0:
        return "0"
    digit, exponent = f"{value:.0e}".split("e")
    return f"{'' if digit == '1' else f'{digit}·'}10{str(int(exponent)).translate(RAISED)}"


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
