"""Styles of lines: the one table of colours, markers and dashes, for the server, the page and the demo."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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
class Style:
    color: str
    dash: Dash
    marker: str  # as matplotlib names it


def style_activation(activation: str, variant: int = 0) -> Style:
    """Find the style of an activation's line; the variant counts the lines of the same activation before it.

    One that is not of the catalog has a colour and a dash by its name, and never a solid line, which each of the
    catalog has first.
    """
    if activation in COLORS:
        return style_number([*COLORS].index(activation), variant)
    dash, number = divmod(hash_name(activation), len(COLORS))
    return style_number(number, 1 + dash + variant)


def hash_name(name: str) -> int:
    """Choose one of the pairs of a colour and a dash that is not solid, the same in every process and on the page."""
    found = 0
    for char in name.encode():
        found = (31 * found + char) % (len(COLORS) * (len(DASHES) - 1))
    return found


def style_number(number: int, variant: int = 0) -> Style:
    """Find the style of a line that is of no activation, such as a layer's: the colours in their order."""
    color, _ = [*COLORS.values()][number % len(COLORS)]
    markers = [*MARKERS]
    return Style(color, DASHES[variant % len(DASHES)], markers[(number + variant) % len(markers)])


def style_activations(activations: Iterable[str]) -> list[Style]:
    """Find a style for each: an activation keeps its colour, and each of its lines has its own dash and marker."""
    names = [*activations]
    return [style_activation(name, variant) for name, variant in zip(names, count_variants(names), strict=True)]


def count_variants(activations: Iterable[str]) -> list[int]:
    """Count for each how many before it are the same."""
    seen: Counter[str] = Counter()
    found = []
    for name in activations:
        found.append(seen[name])
        seen[name] += 1
    return found


def write_stylesheet() -> str:
    """Write the colours as the page's variables --look-0 and so on, and classes that choose one."""
    light, dark = (
        "".join(f" --look-{number}: {pair[theme]};" for number, pair in enumerate(COLORS.values())) for theme in (0, 1)
    )
    swatches = "".join(f".look-{number} {{ --swatch: var(--look-{number}); }}\n" for number in range(len(COLORS)))
    return f":root {{{light} }}\n:root[data-theme=dark] {{{dark} }}\n{swatches}"


def write_table() -> str:
    """Write as JSON: activations in the order of their colours, Plotly's markers, dashes in widths of the line."""
    return json.dumps({"activations": [*COLORS], "markers": [*MARKERS.values()], "dashes": DASHES, "dotted": DOTTED})
