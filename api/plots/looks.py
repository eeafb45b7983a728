"""The one table of colours, markers and dashes: the server's drawings, the page's, and the demo's have it from here."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

Dash = tuple[float, ...]
"""Lengths of strokes and gaps in turn, in widths of the line; empty = solid."""

# Five are those of Okabe and Ito, "Color Universal Design", 2008. The others were searched for: at least 3:1 on their
# ground, and all far from each other in Oklab, also as Machado, Oliveira and Fernandes (2009) simulate protanopia,
# deuteranopia and tritanopia. Fourteen colours cannot be as far apart as six: each has a marker too.
COLORS: Mapping[str, tuple[str, str]] = {
    "sigmoid": ("#0072b2", "#4aa8e0"),
    "relu": ("#000000", "#f2f2f2"),
    "elu": ("#009e73", "#0efea3"),
    "leaky-relu": ("#655b4e", "#b79726"),
    "selu": ("#d55e00", "#fda766"),
    "gelu": ("#cb76a5", "#b44280"),
    "tanh": ("#0f97fe", "#6bd7b4"),
    "softplus": ("#5345d3", "#937aff"),
    "silu": ("#ae388b", "#f06bb8"),
    "mish": ("#bf0010", "#d42621"),
    "hardswish": ("#592269", "#d7bdff"),
    "relu6": ("#8f7dd3", "#7f5bb3"),
    "softsign": ("#211ba6", "#3e61e7"),
    "celu": ("#6e170c", "#c27665"),
}
"""By activation: on white, and on the page's dark ground."""

MARKERS: Mapping[str, str] = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "D": "diamond",
    "v": "triangle-down",
    "P": "cross",
    "X": "x",
}
"""matplotlib's names, and Plotly's."""

SOLID: Dash = ()
DOTTED: Dash = (1, 1.6)
DASHED: Dash = (4, 1.8)
DASHES: Sequence[Dash] = (
    SOLID,
    DASHED,
    DOTTED,
    (6, 1.6, 1, 1.6),
    (9, 3),
    (6, 1.6, 1, 1.6, 1, 1.6),
    (2, 3),
    (9, 1.6, 3, 1.6),
)
"""One for each line of an activation, and around again with another marker."""


@dataclass(frozen=True, slots=True)
class Look:
    color: str
    dash: Dash
    marker: str  # as matplotlib names it


def look(activation: str, variant: int = 0) -> Look:
    """Of an activation's line; the variant counts the lines of the same activation before it."""
    return numbered([*COLORS].index(activation), variant)


def numbered(number: int, variant: int = 0) -> Look:
    """Of what is no activation, such as a layer: the colours in their order."""
    color, _ = [*COLORS.values()][number % len(COLORS)]
    markers = [*MARKERS]
    return Look(color, DASHES[variant % len(DASHES)], markers[(number + variant) % len(markers)])


def dressed(activations: Iterable[str]) -> list[Look]:
    """Of a line each: the same activation keeps its colour, and each of its lines has a dash and marker of its own."""
    names = [*activations]
    return [look(name, variant) for name, variant in zip(names, variants(names), strict=True)]


def variants(activations: Iterable[str]) -> list[int]:
    """For each, how many before it are the same."""
    seen: Counter[str] = Counter()
    found = []
    for name in activations:
        found.append(seen[name])
        seen[name] += 1
    return found


def dotted(own: Look) -> Look:
    return replace(own, dash=DOTTED)


def dashed(own: Look) -> Look:
    return replace(own, dash=DASHED)


def stylesheet() -> str:
    """The colours as the page's variables --look-0 and so on, and classes that choose one."""
    light, dark = (
        "".join(f" --look-{number}: {pair[theme]};" for number, pair in enumerate(COLORS.values())) for theme in (0, 1)
    )
    swatches = "".join(f".look-{number} {{ --swatch: var(--look-{number}); }}\n" for number in range(len(COLORS)))
    return f":root {{{light} }}\n:root[data-theme=dark] {{{dark} }}\n{swatches}"


def table() -> str:
    """As JSON: activations in the order of their colours, Plotly's markers, dashes in widths of the line."""
    return json.dumps({"activations": [*COLORS], "markers": [*MARKERS.values()], "dashes": DASHES, "dotted": DOTTED})
