"""Tables of the catalog's activations and of their values."""

from collections.abc import Iterable

from cli.tables.figures import format_number
from cli.tables.table import Answer, Table


def tabulate_activations(activations: Iterable[Answer]) -> Table:
    rows = (
        (
            row["name"],
            row["title"],
            format_parameters(row),
            format_interval(*row["range"]),
            "yes" if row["monotonic"] else "no",
        )
        for row in activations
    )
    return Table(("name", "title", "parameters", "range", "monotonic"), rows)


def format_parameters(activation: Answer) -> str:
    return ", ".join(f"{given['name']}={given['default']}" for given in activation["parameters"])


def format_interval(low: float | None, high: float | None) -> str:
    return f"{'-inf' if low is None else format_number(low)} to {'inf' if high is None else format_number(high)}"


def tabulate_values(evaluation: Answer) -> Table:
    """Value and derivative at each x, in as many digits as a float has."""
    columns = ("x", "value", "derivative")
    non_finite = evaluation.get("non_finite") or {}

    def format_exactly(column: str, index: int) -> str:
        found = evaluation[column][index]
        return str(non_finite.get(f"/{column}/{index}")) if found is None else repr(found)

    rows = ([format_exactly(column, index) for column in columns] for index in range(len(evaluation["x"])))
    return Table(columns, rows)
