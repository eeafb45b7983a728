"""Axes of drawings."""

import gc
import xml.etree.ElementTree as ET

import pytest
from matplotlib.figure import Figure

from api.http.formats import Format
from api.plots.drawings import Drawing
from api.plots.panels import Line, Panel

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_every_tick_of_an_axis_of_epochs_is_an_epoch(epochs: int) -> None:
    numbers = range(1, epochs + 1)
    line = Line("relu", numbers, [0.5 for _ in numbers])
    drawing = Drawing("", [Panel(xlabel="epoch", ylabel="loss", lines=[line], integers=True)]).render(Format.SVG)
    axis = next(group for group in ET.fromstring(drawing).iter(f"{SVG}g") if group.get("id") == "matplotlib.axis_1")
    texts = ["".join(text.itertext()) for text in axis.iter(f"{SVG}text")]
    assert texts == [*map(str, numbers), "epoch"]


def test_a_drawing_leaves_no_figure_in_memory() -> None:
    drawing = Drawing("curve", [Panel(xlabel="x", ylabel="y", lines=[Line("tanh", [0.0, 1.0], [0.0, 0.8])])])
    gc.disable()
    try:
        for kind in (Format.PNG, Format.SVG):
            drawing.render(kind)
            assert [found for found in gc.get_objects() if isinstance(found, Figure)] == []
    finally:
        gc.enable()
