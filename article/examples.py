"""The article's three worked examples, as requests that a client could send itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

STEP: Mapping[str, Any] = {"learning_rate": 0.5}
# The article: b_1 = 1.56, and dC/db_1 = f'(z_1) w_2 f'(z_2) w_3 f'(z_3) w_4 f'(z_4) dC/da_4 with every w = 100.
FOUR_LAYERS: Mapping[str, Any] = {**STEP, "parameter": 1.56, "upstream": 1.0, "weights": [100.0, 100.0, 100.0]}


@dataclass(frozen=True, slots=True)
class Case:
    title: str
    request: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    name: str
    title: str
    description: str
    cases: Sequence[Case]


def make_single_layer(gradient: float) -> dict[str, Any]:
    """Make a chain of one layer, which passes the gradient on unchanged."""
    return {
        **STEP,
        "activation": "sigmoid",
        "weights": [],
        "activation_derivatives": [1.0],
        "upstream": gradient,
        "parameter": 0.2,
    }


def make_sigmoid_chain(derivative: float) -> dict[str, Any]:
    return {**FOUR_LAYERS, "activation": "sigmoid", "activation_derivatives": [derivative] * 4}


EXAMPLES: Mapping[str, Example] = {
    example.name: example
    for example in (
        Example(
            "vanishing",
            "A gradient that vanishes",
            "A weight of 0.2 learns at 0.5 from a gradient of 4.38e-8, which the article gives without its factors. "
            "In float64 the weight becomes 0.1999999781; in float32 it moves to the very next number, or not at all.",
            (
                Case("The article's gradient, 4.38e-8", make_single_layer(4.38e-8)),
                Case("A tenth of it, which float32 does not notice", make_single_layer(4.38e-9)),
            ),
        ),
        Example(
            "exploding",
            "A gradient that explodes",
            "Four sigmoid layers with weights of 100 and a bias b_1 of 1.56. The article draws each slope from 0 to "
            "0.25, and shows its draws only as pictures. Whatever they are, b_1 ends between -1951.565 and 1.56.",
            (
                Case("The bound: every slope 0.25, as at z = 0", make_sigmoid_chain(0.25)),
                Case("Every slope 0.2", make_sigmoid_chain(0.2)),
                Case("Every slope 0.1", make_sigmoid_chain(0.1)),
            ),
        ),
        Example(
            "dead-relu",
            "A ReLU that is dead",
            "The third of four ReLU layers has a negative input, so its slope is 0: the gradient of every layer before "
            "it is exactly 0, and b_1 stays at 1.56 for good.",
            (
                Case(
                    "A slope of 0 in the third layer",
                    {**FOUR_LAYERS, "activation": "relu", "activation_derivatives": [1.0, 1.0, 0.0, 1.0]},
                ),
            ),
        ),
    )
}
