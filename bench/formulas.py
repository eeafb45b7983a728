"""Time of certified values of formulas, and of reading and describing the longest ones, in this process."""

from functools import partial

import numpy as np

from activations.formula.balls import certify
from activations.formula.formula import Formula
from activations.formula.properties import Study
from bench.figures import Figures, Measure, time_calls, time_warm

LONGEST = {
    "sums": " + ".join(f"sin({number}*x)" for number in range(45)),
    "nested": "tanh(" * 46 + "x" + ")" * 46,
    "quotients": "x" + "/(1 + x^2)" * 39,
    "powers": " + ".join(f"x^{number}" for number in range(44)),
}
"""Formulas near the bounds of the language, on length, nodes or depth."""


CERTIFIED = {
    "swish": "x*sigmoid(b*x)",
    "mish": "x*tanh(log(1 + exp(x)))",
    "gelu": "x*Phi(x)",
    "cancelling": "2*sin(x)*cos(x) - sin(2*x) + exp(-20*abs(x))",
    "longest": LONGEST["sums"],
}


def measure(figures: Figures, *, rounds: int, points: int) -> None:
    contestants: dict[str, Measure] = {
        f"certify, {name}": partial(time_certified, text, points) for name, text in CERTIFIED.items()
    }
    contestants |= {f"read, {name}": partial(time_reading, text) for name, text in LONGEST.items()}
    contestants |= {f"describe, {name}": partial(time_description, text) for name, text in LONGEST.items()}
    figures.alternate(contestants, rounds=rounds)


def time_certified(text: str, points: int) -> list[float]:
    formula, x = Formula.read(text), np.linspace(-20, 20, points)
    parameters = dict.fromkeys(formula.parameters, 1.5)
    certify(formula, x[:1], parameters)  # makes the trees
    return time_calls(lambda: certify(formula, x, parameters), 1)


def time_reading(text: str) -> list[float]:
    return time_warm(lambda: Formula.read(text), 1)


def time_description(text: str) -> list[float]:
    """Of a study that is not cached."""
    formula = Formula.read(text)
    _ = formula.value, formula.derivative
    return time_warm(lambda: Study(formula, {}).conclude(), 1)
