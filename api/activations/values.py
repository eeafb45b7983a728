"""The columns of an evaluation: of a formula certified, of the catalog by its own functions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from activations.activation import Activation, Parameters
from activations.functions import Array
from api.http.tables import Types

FEW = 1000
"""Numbers whose values are computed and written within a few milliseconds."""
FEW_CERTIFIED = 100
"""The same of a formula."""
COLUMNS: Types = {"x": "float64", "value": "float64", "derivative": "float64"}


@dataclass(frozen=True, slots=True)
class Values:
    columns: dict[str, Array]
    """By the names of COLUMNS."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """The reason of each value that was not decided, by JSON pointer."""


def are_few(activation: Activation, count: int) -> bool:
    return count <= (FEW if activation.formula is None else FEW_CERTIFIED)


def compute(activation: Activation, parameters: Parameters, x: Array) -> Values:
    """Compute value and derivative at each x."""
    if activation.formula is None:
        value, derivative = activation.value(x, **parameters), activation.derivative(x, **parameters)
        return Values({"x": x, "value": value, "derivative": derivative})
    from activations.formula import balls  # noqa: PLC0415  # only a formula pays for python-flint

    numbers = {name: float(number) for name, number in parameters.items()}
    found = balls.certify(activation.formula, x, numbers)
    reasons = {"value": found.reasons_value, "derivative": found.reasons_derivative}
    return Values(
        {"x": x, "value": found.value, "derivative": found.derivative},
        {f"/{name}/{index}": reason for name, given in reasons.items() for index, reason in given.items()},
    )
