"""Plots a panel on matplotlib's axes: its lines, their jumps and bands, and a logarithmic scale without markup."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from activations.catalog import Jump
from activations.functions import Array
from api.plots import styles
from api.plots.panels import Line, Panel
from api.plots.styles import Dash, Style
from jobs.text import shorten

if TYPE_CHECKING:  # only a drawing pays for matplotlib
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

LONGEST_LABEL = 80  # columns; a Chinese character takes two
MARKERS = 20  # at most so many on a line
LINE_POINTS = 1.6
FARTHEST, NEAREST = 1e200, 1e-200  # beyond them the margins and ticks of axes overflow
FEW_DECADES = 1e3  # a log axis of fewer has ticks within its decades
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plot_panel(axes: "Axes", panel: Panel) -> None:
    points = [hide_unplottable(line.x, line.y, log=panel.log) for line in panel.lines]
    for place, (line, (x, y)) in enumerate(zip(panel.lines, points, strict=True)):
        own = line.style or styles.style_number(place)
        curve = plot_line(axes, line, own, x, y)
        curve.set_gid(f"line-{axes.figure.axes.index(axes) + 1}-{place + 1}")
        if line.band is not None:
            bounds = [hide_unplottable(line.x, bound, log=panel.log)[1] for bound in line.band]
            axes.fill_between(x, *bounds, color=own.color, alpha=0.15, linewidth=0)
    x, y = np.concatenate([*points, np.empty((2, 0))], axis=1)
    set_scales(axes, panel, x, y)
    note_hidden(axes, y)
    axes.set_xlabel(shorten(panel.xlabel, LONGEST_LABEL))
    axes.set_ylabel(shorten(panel.ylabel, LONGEST_LABEL))
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def plot_line(axes: "Axes", line: Line, own: Style, x: Array, y: Array) -> "Line2D":
    (curve,) = axes.plot(*break_at(x, y, line.jumps), **choose_keywords(line, own, points=len(x)))
    curve.set_clip_on(not np.isfinite(y).any())  # a zero lies on the axis; a line without points lies nowhere
    for jump in line.jumps:
        mark_jump(axes, jump, own.color)
    return curve


def set_scales(axes: "Axes", panel: Panel, x: Array, y: Array) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # see above

    if panel.log:
        set_log_scale(axes, y)
    elif y.size and not y.any():
        axes.set_ylim(0, 1)
    if panel.integers and x.size:
        axes.set_xlim(np.min(x) - 0.5, np.max(x) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def note_hidden(axes: "Axes", y: Array) -> None:
    """Say in a corner how many points the axes cannot show, or that there is none at all."""
    note = f"{np.count_nonzero(np.isnan(y))} not shown: beyond the axes" if np.isnan(y).any() else ""
    corner = note if y.size else "nothing recorded yet"
    axes.text(0.99, 0.01, corner, transform=axes.transAxes, ha="right", va="bottom", fontsize="small")


def make_label(line: Line) -> str:
    return shorten(line.label, LONGEST_LABEL)


def choose_keywords(line: Line, own: Style, *, points: int) -> dict[str, Any]:
    """Choose matplotlib's keywords for a line, which are of several types."""
    every = max(1, math.ceil(points / MARKERS))
    hollow = {"fillstyle": "none"} if line.hollow or line.points_only else {}
    shared = {"color": own.color, "marker": own.marker, "linewidth": LINE_POINTS, **hollow}
    if line.points_only:  # an underscore keeps it out of the legend
        return {**shared, "label": "_published", "linestyle": "none", "markersize": 8}
    return {
        **shared,
        "label": make_label(line),
        "linestyle": to_linestyle(own.dash),
        "markevery": every,
        "markersize": 4,
    }


def to_linestyle(dash: Dash) -> Any:  # noqa: ANN401  # matplotlib's LineStyleType
    """Convert to matplotlib's, which counts in widths of the line, too."""
    return (0, dash) if dash else "solid"


def break_at(x: Array, y: Array, jumps: Sequence[Jump]) -> tuple[Array, Array]:
    """Put both limits of each jump in place of the points there, with nothing between them."""
    for jump in jumps:
        before, after = x < jump.x, x > jump.x
        y = np.concatenate([y[before], [jump.below, np.nan, jump.above], y[after]])
        x = np.concatenate([x[before], [jump.x] * 3, x[after]])
    return x, y


def mark_jump(axes: "Axes", jump: Jump, color: str) -> None:
    drawn_as: dict[str, Any] = {"color": color, "marker": "o", "markersize": 6, "linestyle": "none", "zorder": 3}
    for limit in {jump.below, jump.above} - {jump.at}:
        axes.plot([jump.x], [limit], markerfacecolor="white", **drawn_as)
    axes.plot([jump.x], [jump.at], **drawn_as)


def set_log_scale(axes: "Axes", y: Array) -> None:
    """Scale y logarithmically from the smallest positive number on; a zero has its place below that."""
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
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: write_power_of_ten(value)))


def write_power_of_ten(value: float) -> str:
    """Write a tick as 10⁻³, or as 5·10⁻³ where it lies between two; matplotlib's own labels are markup."""
    if value == 0:
        return "0"
    digit, exponent = f"{value:.0e}".split("e")
    return f"{'' if digit == '1' else f'{digit}·'}10{str(int(exponent)).translate(RAISED)}"


def tick_within_decades(axes: "Axes") -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: PLC0415  # see above

    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def hide_unplottable(x: Sequence[float], y: Sequence[float], *, log: bool) -> Array:
    """Return both as [2, n], with nan for what the axes cannot show; with a log scale y is not negative."""
    points = np.array([x, y], dtype=np.float64)
    hidden = ~(np.abs(points) <= FARTHEST)
    if log:
        hidden[1] |= (points[1] != 0) & ~(points[1] >= NEAREST)
    points[1, hidden.any(axis=0)] = np.nan
    points[0, hidden[0]] = np.nan
    return points
