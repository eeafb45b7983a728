"""Panels under one title, rendered as SVG or PNG. Text is drawn as it is: no markup, and never too long."""

import gc
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from api.http.formats import Format
from api.plots.panels import Panel
from api.plots.plotting import make_label, plot_panel
from jobs.text import measure_width, shorten
from runtime.garbage import postpone_collection

if TYPE_CHECKING:  # only a drawing pays for matplotlib
    from matplotlib.figure import Figure

LONGEST_TITLE = 90
DRAWER = ThreadPoolExecutor(1, "drawing")
"""One thread, because matplotlib promises nothing to threads, and what each of many has freed would stay with it."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Panels, two in a row, under one title."""

    title: str
    panels: Sequence[Panel]
    subtitle: str = ""

    def render(self, kind: Format) -> bytes:
        """Render as SVG or PNG; the same data give the same bytes."""
        return DRAWER.submit(render, self, kind).result()


def render(drawing: Drawing, kind: Format) -> bytes:
    import_matplotlib()
    content = io.BytesIO()
    title = shorten(drawing.title, LONGEST_TITLE)
    metadata = {"Title": title} | ({"Date": None} if kind is Format.SVG else {"Software": None})
    with plain_text():
        make_figure(drawing).savefig(content, format=kind, metadata=metadata)
    gc.collect()  # a figure refers to itself: hundreds would wait, with their pictures, for Python to look for them
    return content.getvalue()


@cache
def import_matplotlib() -> None:
    """Import it so that the collections look at none of it, which would take most of their time."""
    with postpone_collection():
        for name in ("figure", "backends.backend_agg", "backends.backend_svg"):
            import_module(f"matplotlib.{name}")


@contextmanager
def plain_text() -> Iterator[None]:
    """Make matplotlib draw text as it is: `$` is a dollar, and what the font lacks is a box, without a warning."""
    import matplotlib as mpl  # noqa: PLC0415  # see above

    # Text stays text, to be found and read aloud; the salt makes ids that are the same every time.
    with (
        mpl.rc_context({"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "activation-lab"}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def make_figure(drawing: Drawing) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415  # see above

    columns = min(2, len(drawing.panels))
    rows = math.ceil(len(drawing.panels) / columns)
    shared = find_shared_legend(drawing)
    entries = [make_label(line) for line in shared.lines if not line.points_only] if shared else []
    room = 0.09 * max(map(measure_width, entries), default=0)
    height = max(1 + 3.5 * rows, 0.5 + 0.22 * len(entries))
    figure = Figure(figsize=(2 + 5 * columns + room, height), dpi=150, layout="constrained")
    figure.subplots(rows, columns, squeeze=False)
    for axes, panel in zip(figure.axes, drawing.panels, strict=False):
        plot_panel(axes, panel)
    for spare in figure.axes[len(drawing.panels) :]:
        spare.set_axis_off()
    if shared:
        handles = figure.axes[drawing.panels.index(shared)].get_legend_handles_labels()
        figure.legend(*handles, frameon=False, loc="outside right center", handlelength=3.5)
    else:
        add_legends(figure, drawing.panels)
    figure.suptitle(shorten(drawing.title, LONGEST_TITLE), x=0.01, ha="left", fontweight="bold")
    if drawing.subtitle:
        subtitle = shorten(drawing.subtitle, 2 * LONGEST_TITLE)
        figure.axes[0].set_title(subtitle, loc="left", fontsize="small", color="#555555")
    return figure


def find_shared_legend(drawing: Drawing) -> Panel | None:
    """Find the panel whose legend stands for all, at their side: where they show the same things, and many.

    Above the panels a legend would lie on the subtitle.
    """
    labels = [{line.label for line in panel.lines if not line.points_only} for panel in drawing.panels]
    most, few = max(labels, key=len), 1 if drawing.subtitle else 3
    return drawing.panels[labels.index(most)] if len(most) > few and all(others <= most for others in labels) else None


def add_legends(figure: "Figure", panels: Sequence[Panel]) -> None:
    for axes, panel in zip(figure.axes, panels, strict=False):
        if len(panel.lines) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize="small", handlelength=3.5)
