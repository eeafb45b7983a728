"""Tables of an epoch's figures, of a layer's and of a learnt parameter's."""

from collections.abc import Callable, Mapping
from typing import Any

from cli.tables.figures import format_loss, format_number, format_percent, format_seconds
from cli.tables.table import Answer, Row, Table
from jobs.metrics import EPOCH_FIGURES, LAYER_FIGURES, PARAMETER_FIGURES, Figure
from jobs.values import format_value

BY_UNIT: Mapping[str, Callable[[Any], str]] = {"nats": format_loss, "s": format_seconds}


def choose_format(figure: Figure) -> Callable[[Any], str]:
    if figure.percent:
        return format_percent
    return BY_UNIT.get(figure.unit, format_number) if figure.value_type is float else str


EPOCH = {figure.name: choose_format(figure) for figure in EPOCH_FIGURES.values() if figure.listed}
PARAMETER = {name: choose_format(figure) for name, figure in PARAMETER_FIGURES.items()}
LAYER = [figure.name for figure in LAYER_FIGURES.values() if figure.value_type is float]


def tabulate_epochs(history: Answer) -> Table:
    return Table(tuple(EPOCH), (format_epoch(epoch) for epoch in history["epochs"]))


def format_epoch(epoch: Answer) -> Row:
    return [format_figure(epoch[name]) for name, format_figure in EPOCH.items()]


def tabulate_histories(history: Answer) -> Table:
    """The epochs of a sweep's jobs, one job after the other."""
    rows = (
        (
            ", ".join([job["activation"], *map(format_value, job["values"].values())]),
            str(job["seed"]),
            *format_epoch(epoch),
        )
        for job in history["jobs"]
        for epoch in job["epochs"]
    )
    return Table(("configuration", "seed", *EPOCH), rows)


def tabulate_layers(history: Answer) -> Table:
    rows = (
        (str(layer["epoch"]), layer["layer"], *(format_number(layer[name]) for name in LAYER))
        for layer in history["layers"]
    )
    return Table(("epoch", "layer", *LAYER), rows)


def tabulate_parameters(history: Answer) -> Table:
    rows = ([format_figure(row[name]) for name, format_figure in PARAMETER.items()] for row in history["parameters"])
    return Table(tuple(PARAMETER), rows)


def tabulate_curves(comparison: Answer) -> Table:
    """The first, the last and the best value of each job, and the seconds up to the last."""
    figure = EPOCH_FIGURES.get(comparison["metric"])  # another version of the service may know more
    lowest = figure is not None and figure.lower_is_better
    headers = ("job", "epochs", "seconds", "first", "last", "lowest" if lowest else "highest")
    return Table(headers, (format_curve(curve, min if lowest else max) for curve in comparison["jobs"]))


def format_curve(curve: Answer, choose_best: Callable[[list[float]], float]) -> Row:
    values = [value for value in curve["value"] if value is not None]
    if not values:
        return curve["label"], "0", "", "", "", ""
    figures = map(format_number, (curve["seconds"][-1], values[0], values[-1], choose_best(values)))
    return curve["label"], str(curve["epoch"][-1]), *figures
