"""Tables of sweeps, of one sweep, and of its configurations."""

from collections.abc import Callable, Iterable
from typing import Any

from cli.tables.figures import format_duration, format_loss, format_percent, format_progress, format_seconds
from cli.tables.jobs import read_name_and_note
from cli.tables.table import Answer, Row, Table, tabulate_facts
from jobs.values import format_value

HEADERS = (
    *("id", "state", "jobs ended", "epochs", "time left", "activations", "seeds"),
    *("varies", "name", "note"),
)
OPTIONAL = ("note", "varies", "seeds", "activations", "time left", "epochs", "name")


def tabulate_sweeps(sweeps: Iterable[Answer]) -> Table:
    return Table(HEADERS, [format_sweep(sweep) for sweep in sweeps], OPTIONAL)


def format_sweep(sweep: Answer) -> Row:
    spec = sweep["spec"]
    return (
        *(sweep["id"], sweep["state"], count_ended(sweep), format_progress(sweep)),
        *(format_duration(sweep["eta_seconds"]), str(len(spec["activations"])), str(len(spec["seeds"]))),
        ", ".join(spec["grid"]),
        *read_name_and_note(spec["base"].get("metadata", {})),
    )


def count_ended(sweep: Answer) -> str:
    counts = sweep["jobs"]
    return format_count(counts["total"] - counts["queued"] - counts["running"], counts)


def format_count(some: int, counts: Answer) -> str:
    """`18/18 (1 failed, 16 cancelled)`: of all jobs, and how many of them failed or were cancelled."""
    return f"{some}/{counts['total']}{format_unsuccessful(counts)}"


def format_unsuccessful(counts: Answer) -> str:
    found = ", ".join(f"{counts[state]} {state}" for state in ("failed", "cancelled") if counts[state])
    return f" ({found})" if found else ""


def tabulate_sweep(sweep: Answer) -> Table:
    name, note = read_name_and_note(sweep["spec"]["base"].get("metadata", {}))
    facts = {
        "name": name,
        "note": note,
        "state": sweep["state"],
        "jobs ended": count_ended(sweep),
        "epochs": format_progress(sweep),
        "time left": format_duration(sweep["eta_seconds"]),
        "best val accuracy": format_best(sweep["best"]["val_accuracy"], format_percent),
        "best val loss": format_best(sweep["best"]["val_loss"], format_loss),
        "created at": sweep["created_at"],
        "finished at": sweep["finished_at"],
    }
    return tabulate_facts(("sweep", sweep["id"]), facts)


def format_best(found: Answer | None, format_figure: Callable[[Any], str]) -> str:
    """The best figure of all jobs, and the job that has it."""
    if found is None:
        return ""
    return f"{format_figure(found['value'])}: {format_configuration(found)}, seed {found['seed']}"


def format_configuration(of: Answer) -> str:
    """The activation, and the values of the grid's fields."""
    return ", ".join([of["activation"], *(f"{path} {format_value(value)}" for path, value in of["values"].items())])


def tabulate_configurations(sweep: Answer) -> Table:
    """A row a configuration: means over its seeds, and half of their 95 % intervals.

    Figures are of the jobs that succeeded; the best accuracy is of all that have an epoch.
    """
    headers = (
        "configuration", "jobs", "val loss", "val accuracy", "best so far", "test accuracy", "an epoch", "of relu's",
    )  # fmt: skip
    return Table(headers, (format_configuration_row(row) for row in sweep["configurations"]))


def format_configuration_row(row: Answer) -> Row:
    ratio = row["ratio_to_relu"]
    return (
        format_configuration(row),
        format_count(row["jobs"]["succeeded"], row["jobs"]),
        format_estimate(row["final"]["val_loss"], format_loss),
        format_estimate(row["final"]["val_accuracy"], format_percent),
        format_estimate(row["best"]["val_accuracy"], format_percent),
        format_estimate(row["test"]["accuracy"], format_percent),
        format_estimate(row["epoch_seconds"], format_seconds),
        "" if ratio is None else f"{ratio:.2f}",
    )


def format_estimate(found: Answer | None, format_figure: Callable[[Any], str]) -> str:
    if found is None or found["mean"] is None:
        return ""
    if not found["interval"] or None in found["interval"]:
        return format_figure(found["mean"])
    low, high = found["interval"]
    return f"{format_figure(found['mean'])} ± {format_figure((high - low) / 2)}"
