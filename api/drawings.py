"""Lines on axes as SVG or PNG, in colours and markers that colour-blind readers can tell apart."""

import io
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
MARKERS = 20  # at most so many on a line
FARTHEST, NEAREST = 1e200, 1e-200  # beyond them the margins and ticks of axes overflow
ONE_AT_A_TIME = threading.Lock()  # matplotlib promises nothing to threads


@dataclass(frozen=True, slots=True)
class Line:
    """Points; those that the axes cannot show are left out, and counted in a corner."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Axes, and lines with as many points each; at most as many lines as there are LOOKS."""

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
    figure = Figure(figsize=(2 + 5 * columns, 1 + 3.5 * rows), dpi=150, layout="constrained")
    for axes, panel in zip(figure.subplots(rows, columns, squeeze=False).flat, drawing.panels, strict=False):
        draw(axes, panel)
    figure.suptitle(drawing.title, x=0.01, ha="left", fontweight="bold")
    return figure


def draw(axes: "Axes", panel: Panel) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # see above

    points = np.array([shown(line, log=panel.log) for line in panel.lines])  # [lines, 2, points]
    for line, (x, y), (color, marker) in zip(panel.lines, points, LOOKS, strict=False):
        every = math.ceil(len(x) / MARKERS)
        (curve,) = axes.plot(x, y, label=line.label, color=color, marker=marker, markevery=every, markersize=4)
        curve.set_clip_on(False)  # a zero lies on the axis
    if panel.log:
        set_log_scale(axes, points[:, 1])
    if left_out := np.count_nonzero(np.isnan(points[:, 1])):
        text = f"{left_out} not shown: beyond the axes"
        axes.text(0.99, 0.01, text, transform=axes.transAxes, ha="right", va="bottom", fontsize="small")
    if panel.integers:
        axes.set_xlim(np.min(points[:, 0]) - 0.5, np.max(points[:, 0]) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(panel.lines) > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize="small")
    axes.set_xlabel(panel.xlabel)
    axes.set_ylabel(panel.ylabel)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


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


def shown(line: Line, *, log: bool) -> Array:
    """Its x and y [2, n], with nan for what the axes cannot show; with a log scale y is not negative."""
    points = np.array([line.x, line.y], dtype=np.float64)
    hidden = ~(np.abs(points) <= FARTHEST)
    if log:
        hidden[1] |= (points[1] != 0) & ~(points[1] >= NEAREST)
    points[1, hidden.any(axis=0)] = np.nan
    points[0, hidden[0]] = np.nan
    return points
