"""Time of large gradient propagations: the slowest activation, drawn, over HTTP."""

import json
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.contestants import Connection, run_up
from bench.figures import Figures, NotMeasured, time_call

ACTIVATION = "mish"
SHAPES = {"200 x 1024 x 64": (200, 1024, 64), "200 x 256 x 1024": (200, 256, 1024), "50 x 256 x 256": (50, 256, 256)}
"""Layers, their width, samples."""


def measure(figures: Figures, *, rounds: int) -> None:
    with TemporaryDirectory() as folder, run_up(Path(folder)) as up, closing(Connection(up.url)) as http:
        list(propagate(http, (1, 1, 1)))  # imports matplotlib
        contestants = {f"propagation, {name}": partial(propagate, http, shape) for name, shape in SHAPES.items()}
        figures.alternate(contestants, rounds=rounds)


def propagate(http: Connection, shape: tuple[int, int, int]) -> Iterator[float]:
    depth, width, samples = shape
    body = json.dumps({"activation": ACTIVATION, "depth": depth, "width": width, "samples": samples}).encode()
    try:
        yield time_call(lambda: http.request("POST", "/v1/gradients/propagation?format=png", body))
    except RuntimeError as error:
        raise NotMeasured("refused") from error
