"""Axes with lines in them, as data; api/plots/plotting.py plots them."""

from collections.abc import Sequence
from dataclasses import dataclass

from activations.catalog import Jump
from api.plots.styles import Style

MAX_LINES = 24


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; those that the axes cannot show are left out, and counted in a corner."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    band: tuple[Sequence[float], Sequence[float]] | None = None
    """Lower and upper bounds of y, shaded."""
    style: Style | None = None
    """None = the style of its place in the panel."""
    hollow: bool = False
    """Whether its markers are hollow."""
    jumps: Sequence[Jump] = ()
    """Where it is discontinuous: it breaks off, with a filled dot at the value and an open one at each other limit."""
    points_only: bool = False
    """Hollow markers and no line, for published points. The legend does not name it."""


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
