"""Drawings of gradients: of a chain, of clipping, and of a network's layers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from activations.catalog import Array
from api.gradients.models import ClipSpec
from api.plots import styles
from api.plots.drawings import Drawing
from api.plots.panels import Line, Panel

Layers = Mapping[str, Any]  # Any: as Chain and Propagation have it


def draw_chain(title: str, results: Mapping[str, Layers]) -> Drawing:
    own_styles = styles.style_activations(result["activation"] for result in results.values())
    lines = [
        Line(label, read_column(result, "layer"), [*map(abs, read_column(result, "gradient"))], style=style)
        for (label, result), style in zip(results.items(), own_styles, strict=True)
    ]
    return Drawing(title, [Panel(xlabel="layer", ylabel="|dC/db|, log scale", lines=lines, log=True, integers=True)])


def draw_clip(spec: ClipSpec, before: Array, after: Array) -> Drawing:
    order = np.argsort(before)
    x, y = before[order].tolist(), after[order].tolist()
    lines = [Line("as it was", x, x), Line("clipped", x, y)]
    title = f"Gradient clipped by {spec.by} at {spec.threshold:g}"
    return Drawing(title, [Panel(xlabel="gradient, element by element", ylabel="to the optimizer", lines=lines)])


def draw_propagation(network: Layers) -> Drawing:
    title = "{activation}, {initializer}, {depth} layers of {width}".format_map(network)
    own = styles.style_activation(network["activation"])

    def make_panel(ylabel: str, labels: Mapping[str, str], *, log: bool = False) -> Panel:
        x = read_column(network, "layer")
        lines = [
            Line(label, x, read_column(network, name), style=style)
            for (name, label), style in zip(labels.items(), (own, replace(own, dash=styles.DASHED)), strict=False)
        ]
        return Panel(xlabel="layer", ylabel=ylabel, lines=lines, log=log, integers=True)

    fractions = {"dead_fraction": "of units: dead", "saturated_fraction": "of derivatives: near 0"}
    return Drawing(
        title,
        [
            make_panel("activations: mean", {"activation_mean": "mean"}),
            make_panel("activations: variance, log scale", {"activation_variance": "variance"}, log=True),
            make_panel("gradient: L2 norm, log scale", {"gradient_norm": "norm"}, log=True),
            make_panel("fraction", fractions),
        ],
    )


def read_column(result: Layers, name: str) -> list[Any]:  # Any: as the column's type says
    return [layer[name] for layer in result["layers"]]
