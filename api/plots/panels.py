"""Axes with lines in them, as data; api/plots/plotting.py plots them."""

from collections.abc import Sequence
from dataclasses import dataclass

from activations.catalog import Jump
from api.plots.styles import Style

MAX_LINES = 24


@dataclass(frozen=True, slots=True)
class Line:
    """Points; those that the axes cannot show are left out, and counted in a corner."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    band: tuple[Sequence[float], Sequence[float]] | None = None
    """Lower and upper bounds of y, shaded."""
    style: Style | None = None
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
