"""Figures for people: how they are written, and tables of them."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from jobs.metrics import EPOCH_FIGURES, LAYER_FIGURES, Figure
from jobs.text import escape_controls
from jobs.values import format_value

TO_BE_COPIED = frozenset({"id", "job", "sweep", "worker"})  # in one piece, also on a narrow terminal
LONGEST = {"name": 40, "note": 60, "differs in": 60, "varies": 60}
"""Columns of people's own words, which are cut where they are longer, or where the terminal is narrow."""
SHORTEST = 12

Row = Sequence[str]
Answer = Mapping[str, Any]  # as the service sent it


def show(headers: Row, rows: Iterable[Row], spare: Sequence[str] = ()) -> None:
    """A table on a terminal; elsewhere lines with tabs between the columns.

    A terminal that is too narrow for it gets it without some of the `spare` columns: the first of them goes first.
    """
    console = Console()
    shown = [[*map(escape_controls, row)] for row in rows]
    if console.is_terminal:
        console.print(fitted(headers, shown, console, spare))
    else:
        for row in (headers, *shown):
            print("\t".join(row))  # noqa: T201  # what the command is for


def fitted(headers: Row, rows: Sequence[Row], console: Console, spare: Sequence[str]) -> Table:
    """As many columns as there is room for, and the gaps between them as wide as there is room for."""
    kept = [header for header in headers if header not in spare or any(column(headers, rows, header))]
    leaving = [header for header in spare if header in kept]
    while True:
        for gap in (2, 1):
            drawn = table(kept, narrowed(headers, rows, kept), gap=gap)
            if width(drawn, console) <= console.width:
                return table(kept, filled(headers, rows, kept, console.width - width(drawn, console)), gap=gap)
        if not leaving:
            return drawn
        kept.remove(leaving.pop(0))


def column(headers: Row, rows: Sequence[Row], header: str) -> list[str]:
    return [row[list(headers).index(header)] for row in rows]


def narrowed(
    headers: Row, rows: Sequence[Row], kept: Sequence[str], sizes: Mapping[str, int] | None = None
) -> list[Row]:
    """The rows with those columns alone, words cut to their sizes."""
    places = [list(headers).index(header) for header in kept]
    room = [(sizes or dict.fromkeys(LONGEST, SHORTEST)).get(header) for header in kept]
    return [[cut(row[place], size) for place, size in zip(places, room, strict=True)] for row in rows]


def filled(headers: Row, rows: Sequence[Row], kept: Sequence[str], spare_cells: int) -> list[Row]:
    """Give the rest of the terminal's width to people's own words, the first column first."""
    sizes = {}
    for header in kept:
        if header in LONGEST:
            natural = max((cell_len(text) for text in column(headers, rows, header)), default=0)
            sizes[header] = min(natural, LONGEST[header], max(SHORTEST, len(header)) + spare_cells)
            spare_cells -= max(0, sizes[header] - max(SHORTEST, len(header)))
    return narrowed(headers, rows, kept, sizes)


def cut(text: str, size: int | None) -> str:
    return text if size is None or cell_len(text) <= size else set_cell_size(text, size - 1).rstrip() + "…"


def width(drawn: Table, console: Console) -> int:
    return Measurement.get(console, console.options.update(max_width=10_000), drawn).maximum


def table(headers: Row, rows: Iterable[Row], *, gap: int = 2) -> Table:
    """The first column names the row, the others are figures, at the right, or words; no cell is markup."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, gap - 1, 0, 0))
    made = [*rows]
    for number, header in enumerate(headers):
        figures = number > 0 and header not in TO_BE_COPIED and all(is_figure(row[number]) for row in made)
        justify: Literal["left", "right"] = "right" if figures else "left"
        drawn.add_column(cell(header), justify=justify, overflow="fold", no_wrap=header in TO_BE_COPIED)
    for row in made:
        drawn.add_row(*map(cell, row))
    return drawn


def cell(text: str) -> Text:
    """Neither markup nor emoji codes: rich would read them in a string. A header of ours may have two lines."""
    return Text(escape_controls(text, keep="\n"))


def is_figure(text: str) -> bool:
    return text in {"", "all"} or text[0].isdigit() or text[0] in "-+"


Listing = tuple[Row, Iterable[Row], Sequence[str]]
"""Headers, rows, and the columns that a narrow terminal does without."""


def of_jobs(jobs: Iterable[Answer]) -> Listing:
    """A row a job, with its figures, its seed, and its name and note."""
    listed = list(jobs)
    headers = (
        *("id", "state", "activation", "epochs", "val loss", "accuracy", "seed", "learning rate", "images", "test"),
        *("name", "note", "differs in"),
    )
    spare = ("note", "differs in", "test", "images", "val loss", "learning rate", "epochs", "seed", "name")
    apart = differences([job["spec"] for job in listed])
    return headers, [job_row(job, differs) for job, differs in zip(listed, apart, strict=True)], spare


def job_row(job: Answer, differs: str) -> Row:
    best, spec, test = job["best"], job["spec"], job["test"]
    figures = (loss(best["val_loss"]), percent(best["val_accuracy"])) if best else ("", "")
    return (
        *(job["id"], job["state"], spec["activation"], epochs_of(job), *figures),
        *(str(spec["seed"]), f"{spec['optimizer']['learning_rate']:g}", str(spec["train_samples"] or "all")),
        percent(test["accuracy"]) if test else "",
        *name_and_note(spec["metadata"]),
        differs,
    )


def name_and_note(metadata: Mapping[str, str]) -> tuple[str, str]:
    return metadata.get("name", ""), metadata.get("note", "")


def differences(specs: Sequence[Answer]) -> list[str]:
    """Of each job the settings without a column of their own in which it differs from most of them."""
    told = {"activation", "epochs", "seed", "optimizer.learning_rate", "train_samples"}
    flat = [{path: value for path, value in leaves(spec) if path not in told} for spec in specs]
    paths = dict.fromkeys(path for fields in flat for path in fields)
    counts = {path: Counter(json.dumps(fields.get(path)) for fields in flat) for path in paths}
    return [
        ", ".join(
            f"{path} {format_value(value)}"
            for path, value in fields.items()
            if 2 * counts[path][json.dumps(value)] <= len(specs) and len(specs) > 1
        )
        for fields in flat
    ]


def leaves(value: Answer, above: str = "") -> Iterable[tuple[str, Any]]:
    """Every leaf by its dotted path; not the metadata, nor what only the job's own activation has."""
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from () if name in {"metadata", "parameters"} else leaves(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", inner


def epochs_of(thing: Answer) -> str:
    return f"{thing['progress']['epoch']}/{thing['progress']['epochs']}"


def of_sweeps(sweeps: Iterable[Answer]) -> Listing:
    headers = (
        *("id", "state", "jobs ended", "epochs", "time left", "activations", "seeds"),
        *("varies", "name", "note"),
    )
    spare = ("note", "varies", "seeds", "activations", "time left", "epochs", "name")
    return headers, [sweep_row(sweep) for sweep in sweeps], spare


def sweep_row(sweep: Answer) -> Row:
    spec = sweep["spec"]
    return (
        *(sweep["id"], sweep["state"], jobs_of(sweep), epochs_of(sweep), duration(sweep["eta_seconds"])),
        *(str(len(spec["activations"])), str(len(spec["seeds"])), ", ".join(spec["grid"])),
        *name_and_note(spec["base"].get("metadata", {})),
    )


def jobs_of(sweep: Answer) -> str:
    counts = sweep["jobs"]
    return counted(counts["total"] - counts["queued"] - counts["running"], counts)


def counted(some: int, counts: Answer) -> str:
    """`18/18 (1 failed, 16 cancelled)`: of all jobs, and those that did not come to their end."""
    return f"{some}/{counts['total']}{without_success(counts)}"


def without_success(counts: Answer) -> str:
    found = ", ".join(f"{counts[state]} {state}" for state in ("failed", "cancelled") if counts[state])
    return f" ({found})" if found else ""


def of_configurations(sweep: Answer) -> tuple[Row, Iterable[Row]]:
    """A row a configuration: means over its seeds, and half of their 95 % intervals.

    Figures are of the jobs that succeeded; the best accuracy is of all that have an epoch.
    """
    headers = (
        "configuration", "jobs", "val loss", "val accuracy", "best so far", "test accuracy", "an epoch", "of relu's",
    )  # fmt: skip
    return headers, (configuration_row(row) for row in sweep["configurations"])


def configuration_row(row: Answer) -> Row:
    ratio = row["ratio_to_relu"]
    return (
        configured(row),
        counted(row["jobs"]["succeeded"], row["jobs"]),
        estimate(row["final"]["val_loss"], loss),
        estimate(row["final"]["val_accuracy"], percent),
        estimate(row["best"]["val_accuracy"], percent),
        estimate(row["test"]["accuracy"], percent),
        estimate(row["epoch_seconds"], seconds),
        "" if ratio is None else f"{ratio:.2f}",
    )


def configured(of: Answer) -> str:
    """The activation, and the values of the grid's fields."""
    return ", ".join([of["activation"], *(f"{path} {format_value(value)}" for path, value in of["values"].items())])


def estimate(found: Answer | None, written: Callable[[Any], str]) -> str:
    if found is None or found["mean"] is None:
        return ""
    if not found["interval"] or None in found["interval"]:
        return written(found["mean"])
    low, high = found["interval"]
    return f"{written(found['mean'])} ± {written((high - low) / 2)}"


def of_job(job: Answer) -> tuple[Row, Iterable[Row]]:
    """What there is to say of it, a fact a row."""
    name, note = name_and_note(job["spec"]["metadata"])
    others = {key: text for key, text in job["spec"]["metadata"].items() if key not in {"name", "note"}}
    asked = {field: value for field, value in job["spec"].items() if field not in {"activation", "metadata"}}
    facts = {
        "name": name,
        "note": note,
        "state": job["state"],
        "because": job["transitions"][-1]["reason"],
        "activation": job["spec"]["activation"],
        "asked for": json.dumps(asked),
        "metadata": others and json.dumps(others, ensure_ascii=False),
        "epochs": epochs_of(job),
        "time left": duration(job["eta_seconds"]),
        "place in the queue": job["queue_position"],
        "best": job["best"]
        and f"epoch {job['best']['epoch']}, val loss {loss(job['best']['val_loss'])}, "
        f"val accuracy {percent(job['best']['val_accuracy'])}",
        "test": job["test"] and f"loss {loss(job['test']['loss'])}, accuracy {percent(job['test']['accuracy'])}",
        "error": job["error"] and f"{job['error']['message']} ({job['error']['code']})",
        **{f"diagnosis {number}": found["message"] for number, found in enumerate(job["diagnoses"], start=1)},
        "device": job["environment"] and job["environment"]["device"],
        "attempt": job["attempt"],
        "sweep": job["sweep_id"],
        "retry of": job["retry_of"],
        "created at": job["created_at"],
        "started at": job["started_at"],
        "finished at": job["finished_at"],
    }
    return ("job", job["id"]), ((name, str(fact)) for name, fact in facts.items() if fact or fact == 0)


def of_sweep(sweep: Answer) -> tuple[Row, Iterable[Row]]:
    name, note = name_and_note(sweep["spec"]["base"].get("metadata", {}))
    facts = {
        "name": name,
        "note": note,
        "state": sweep["state"],
        "jobs ended": jobs_of(sweep),
        "epochs": epochs_of(sweep),
        "time left": duration(sweep["eta_seconds"]),
        "best val accuracy": best_of_all(sweep["best"]["val_accuracy"], percent),
        "best val loss": best_of_all(sweep["best"]["val_loss"], loss),
        "created at": sweep["created_at"],
        "finished at": sweep["finished_at"],
    }
    return ("sweep", sweep["id"]), ((name, str(fact)) for name, fact in facts.items() if fact or fact == 0)


def best_of_all(found: Answer | None, written: Callable[[Any], str]) -> str:
    return "" if found is None else f"{written(found['value'])}: {configured(found)}, seed {found['seed']}"


def of_epochs(epochs: Iterable[Answer]) -> tuple[Row, Iterable[Row]]:
    return tuple(EPOCH), (epoch_row(epoch) for epoch in epochs)


def epoch_row(epoch: Answer) -> Row:
    return [written(epoch[name]) for name, written in EPOCH.items()]


def of_histories(jobs: Iterable[Answer]) -> tuple[Row, Iterable[Row]]:
    """The epochs of a sweep's jobs, one job after the other."""
    headers = ("configuration", "seed", *EPOCH)
    return headers, (
        (
            ", ".join([job["activation"], *map(format_value, job["values"].values())]),
            str(job["seed"]),
            *epoch_row(epoch),
        )
        for job in jobs
        for epoch in job["epochs"]
    )


def of_layers(layers: Iterable[Answer]) -> tuple[Row, Iterable[Row]]:
    return ("epoch", "layer", *LAYER), (
        (str(layer["epoch"]), layer["layer"], *(brief(layer[name]) for name in LAYER)) for layer in layers
    )


def of_curves(comparison: Answer) -> tuple[Row, Iterable[Row]]:
    """The first, the last and the best value of each job, and how long it took to the last."""
    figure = EPOCH_FIGURES.get(comparison["metric"])  # another version of the service may know more
    lowest = figure is not None and figure.lower_is_better
    headers = ("job", "epochs", "seconds", "first", "last", "lowest" if lowest else "highest")
    return headers, (curve_row(curve, min if lowest else max) for curve in comparison["jobs"])


def curve_row(curve: Answer, best: Callable[[list[float]], float]) -> Row:
    found = [value for value in curve["value"] if value is not None]
    if not found:
        return curve["label"], "0", "", "", "", ""
    figures = map(brief, (curve["seconds"][-1], found[0], found[-1], best(found)))
    return curve["label"], str(curve["epoch"][-1]), *figures


def of_checkpoints(checkpoints: Iterable[Answer]) -> tuple[Row, Iterable[Row]]:
    headers = ("epoch", "attempt", "bytes", "created at", "sha256")
    return headers, (
        (str(row["epoch"]), str(row["attempt"]), str(row["size_bytes"]), row["created_at"], row["sha256"])
        for row in checkpoints
    )


def of_workers(workers: Iterable[Answer]) -> Listing:
    headers = ("worker", "state", "device", "job", "last seen at")
    rows = [(row["id"], row["state"], row["device"], row["job_id"] or "", row["last_seen_at"]) for row in workers]
    return headers, rows, ("last seen at", "device")


def of_activations(activations: Iterable[Answer]) -> tuple[Row, Iterable[Row]]:
    headers = ("name", "title", "parameters", "range", "monotonic")
    return headers, (
        (row["name"], row["title"], parameters(row), interval(*row["range"]), "yes" if row["monotonic"] else "no")
        for row in activations
    )


def parameters(activation: Answer) -> str:
    return ", ".join(f"{given['name']}={given['default']}" for given in activation["parameters"])


def interval(low: float | None, high: float | None) -> str:
    return f"{'-inf' if low is None else brief(low)} to {'inf' if high is None else brief(high)}"


def of_prediction(prediction: Answer) -> tuple[Row, Iterable[Row]]:
    """The most probable digit first."""
    ranked = sorted(enumerate(prediction["probabilities"]), key=lambda pair: -pair[1])
    return ("digit", "probability"), ((str(digit), percent(probability)) for digit, probability in ranked)


def of_values(evaluation: Answer) -> tuple[Row, Iterable[Row]]:
    columns = ("x", "value", "derivative")
    beyond = evaluation.get("non_finite") or {}

    def exact(column: str, index: int) -> str:
        found = evaluation[column][index]
        return str(beyond.get(f"/{column}/{index}")) if found is None else repr(found)

    return columns, ([exact(column, index) for column in columns] for index in range(len(evaluation["x"])))


def loss(value: float | None) -> str:
    return "" if value is None else f"{value:.5f}"


def percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f} %"


def seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def brief(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def duration(length: float | None) -> str:
    return "" if length is None else str(timedelta(seconds=round(length)))


BY_UNIT: Mapping[str, Callable[[Any], str]] = {"nats": loss, "s": seconds}


def writer(figure: Figure) -> Callable[[Any], str]:
    """How the command line writes it."""
    if figure.percent:
        return percent
    return str if figure.value_type is int else BY_UNIT.get(figure.unit, brief)


EPOCH = {figure.name: writer(figure) for figure in EPOCH_FIGURES.values() if figure.listed}
LAYER = [figure.name for figure in LAYER_FIGURES.values() if figure.value_type is float]
