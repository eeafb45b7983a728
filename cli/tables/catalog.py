"""Tables of activations, of one activation, and of its values."""

from collections.abc import Iterable

from cli.tables.figures import format_number
from cli.tables.table import Answer, Table, tabulate_facts

UNDECIDED = "undecided"
"""A property of a formula that the service could not decide."""


def tabulate_activations(activations: Iterable[Answer]) -> Table:
    headers = ("name", "title", "parameters", "range", "monotonic", "formula")
    rows = (
        (
            row["name"],
            row["title"],
            format_parameters(row),
            format_interval(row["range"]),
            format_truth(row["monotonic"]),
            row.get("formula") or "",  # a service without formulas has none
        )
        for row in activations
    )
    return Table(headers, [*rows], optional=("formula",))


def tabulate_activation(name: str, activation: Answer) -> Table:
    """List the known properties of an activation."""
    facts = {
        "title": activation["title"],
        "formula": activation["formula"],
        "derivative": activation["derivative"],
        "parameters": ", ".join(f"{given['name']}={format_bounds(given)}" for given in activation["parameters"]),
        "range": format_interval(activation["range"]),
        "monotonic": format_truth(activation["monotonic"]),
        **{f"warning {number}": warning for number, warning in enumerate(activation["warnings"], start=1)},
    }
    return tabulate_facts(("activation", name), facts)


def format_parameters(activation: Answer) -> str:
    return ", ".join(f"{given['name']}={given['default']}" for given in activation["parameters"])


def format_bounds(parameter: Answer) -> str:
    low, high = parameter["minimum"], parameter["maximum"]
    bounded = "" if low is None and high is None else f" ({format_interval((low, high))})"
    return f"{parameter['default']}{bounded}"


def format_interval(bounds: Iterable[float | None] | None) -> str:
    if bounds is None:
        return UNDECIDED
    low, high = bounds
    return f"{'-inf' if low is None else format_number(low)} to {'inf' if high is None else format_number(high)}"


def format_truth(known: bool | None) -> str:  # noqa: FBT001  # the answer's value
    return UNDECIDED if known is None else "yes" if known else "no"


def tabulate_values(evaluation: Answer) -> Table:
    """Value and derivative at each x, in as many digits as a float has."""
    columns = ("x", "value", "derivative")
    non_finite = evaluation.get("non_finite") or {}

    def format_exactly(column: str, index: int) -> str:
        found = evaluation[column][index]
        return str(non_finite.get(f"/{column}/{index}")) if found is None else repr(found)

    rows = ([format_exactly(column, index) for column in columns] for index in range(len(evaluation["x"])))
    return Table(columns, rows)
