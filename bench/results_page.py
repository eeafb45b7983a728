"""The tables of docs/results.md, from the files that `bench.results` downloads."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from article.published import METRICS
from bench import paired_tables
from jobs import statistics

Answer = Mapping[str, Any]  # as the service sent it
Epoch = Mapping[str, float]
Rows = Iterable[Sequence[str]]

ONE_EPOCH = ("loss", "binary_accuracy", "val_loss", "val_binary_accuracy")
"""The figures of the article's log of one epoch."""


@dataclass(frozen=True, slots=True)
class Job:
    activation: str
    epochs: Sequence[Epoch]


def fill_page(text: str, folder: Path) -> str:
    """The page with new tables, from the downloaded files."""
    beside, published = (read(folder, name)["data"] for name in ("article-published", "published"))
    article, holdout, timed = (read(folder, name) for name in ("article", "holdout", "cost"))
    runs = {name: read_history(folder, name) for name in ("article", "float32")}
    learning, own = paired_tables.read_jobs(folder, "learned"), paired_tables.read_jobs(folder, "own", "own-learned")
    values = paired_tables.read_learned(folder, "learned", "own-learned")
    tables = {
        "verdicts": tabulate_verdicts(beside),
        "first epoch": tabulate_first_epoch(published, runs["article"]),
        "protocols": tabulate_protocols(article, holdout),
        "cost": tabulate_cost(published, timed),
        "precision": tabulate_precision(runs["article"], runs["float32"]),
        "learned": format_table(*paired_tables.tabulate_learned(learning)),
        "learned values": format_table(*paired_tables.tabulate_values(learning, values)),
        "own": format_table(*paired_tables.tabulate_formulas(own)),
        "own values": format_table(*paired_tables.tabulate_values(own, values)),
    }
    for name, table in tables.items():
        text = fill_table(text, name, table)
    return text


def read(folder: Path, name: str) -> Any:  # Any: as the service sent it
    return json.loads((folder / f"{name}.json").read_text())


def read_history(folder: Path, name: str) -> list[Job]:
    """The jobs of a sweep in its order, each with its epochs in order."""
    with (folder / f"{name}-history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    jobs = [list(epochs) for _, epochs in groupby(rows, key=lambda row: row["job_id"])]
    return [
        Job(epochs[0]["activation"], [{name: float(row[name]) for name in ONE_EPOCH} for row in epochs])
        for epochs in jobs
    ]


def fill_table(text: str, name: str, table: str) -> str:
    """The text with this table between its two marks."""
    marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.compile(rf"(?<={re.escape(marks[0])}\n).*?(?={re.escape(marks[1])})", re.DOTALL)
    filled_in, found = pattern.subn(lambda _: f"{table}\n", text)
    if found != 1:
        raise SystemExit(f"docs/results.md has no place for the table {name!r}")
    return filled_in


# --- the tables ---


def format_table(headers: Sequence[str], rows: Rows) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tabulate_verdicts(beside: Sequence[Answer]) -> str:
    """A row for each curve: its first and last published point among our epochs, and a verdict on all of them."""
    rows = []
    for (activation, metric), found in groupby(beside, key=lambda row: (row["activation"], row["metric"])):
        points = list(found)
        counts = Counter(point["verdict"] for point in points)
        verdict = ", ".join(f"{told.replace('_', ' ')} {count}" for told, count in counts.most_common())
        rows.append([activation, metric, *format_side(points[0]), *format_side(points[-1]), verdict])
    headers = ["activation", "figure", "epoch", "published", "ours [one more run]"]
    return format_table([*headers, *headers[2:], f"verdict on {len(beside)} points"], rows)


def format_side(point: Answer) -> tuple[str, str, str]:
    low, high = point["prediction"]
    places = 4 if point["metric"] == "val_loss" else 5
    ours = f"{point['ours']['mean']:.{places}f} [{low:.{places}f}, {high:.{places}f}]"
    return str(point["epoch"]), f"{point['published']:.{places}f}", ours


def tabulate_first_epoch(published: Sequence[Answer], jobs: Sequence[Job]) -> str:
    """The article's log of one epoch, and ours: from the lowest to the highest of the seeds."""
    rows = []
    for run in published:
        ours = [job.epochs[0] for job in jobs if job.activation == run["activation"]]
        cells = [
            f"{run['after_one_epoch'][name]:.4f} / {format_range([epoch[name] for epoch in ours])}"
            for name in ONE_EPOCH
        ]
        rows.append([run["activation"], *cells])
    return format_table(["activation", *ONE_EPOCH], rows)


def format_range(values: Sequence[float]) -> str:
    return f"{min(values):.4f} to {max(values):.4f}"


def tabulate_protocols(article: Answer, holdout: Answer) -> str:
    """Accuracy after the last epoch, by protocol."""
    rows = []
    for theirs, honest in zip(article["configurations"], holdout["configurations"], strict=True):
        estimates = (theirs["final"]["val_accuracy"], honest["final"]["val_accuracy"], honest["test"]["accuracy"])
        binary = format_percent(theirs["final"]["val_binary_accuracy"])
        rows.append([theirs["activation"], binary, *map(format_percent, estimates)])
    headers = ["activation", "article: binary accuracy %", "article: test set as validation %"]
    return format_table([*headers, "honest: holdout %", "honest: test set %"], rows)


def format_percent(estimate: Answer) -> str:
    """Mean and interval; an interval beyond 0 to 100 % means that the runs are of different kinds."""
    low, high = (100 * bound for bound in estimate["interval"])
    told = f"[{low:.2f}, {high:.2f}]" if low >= 0 and high <= 100 else "(no interval: two kinds of runs)"
    return f"{100 * estimate['mean']:.2f} {told}"


def tabulate_cost(published: Sequence[Answer], sweep: Answer) -> str:
    theirs = {run["activation"]: run["after_one_epoch"]["ratio_to_relu"] for run in published}
    rows = [
        [row["activation"], f"{theirs[row['activation']]:.2f}", f"{row['ratio_to_relu']:.2f}"]
        for row in sweep["configurations"]
    ]
    return format_table(["activation", "published, x relu", "ours, x relu"], rows)


def tabulate_precision(bfloat16: Sequence[Job], float32: Sequence[Job]) -> str:
    """Count the figures of a float32 run that lie in the 95 % prediction interval of another bfloat16 run."""
    rows = []
    for run in float32:
        seeds = [job.epochs for job in bfloat16 if job.activation == run.activation]
        rows.append([run.activation, *(count_inside(run.epochs, seeds, metric) for metric in METRICS)])
    return format_table(["activation", *METRICS], rows)


def count_inside(epochs: Sequence[Epoch], seeds: Sequence[Sequence[Epoch]], metric: str) -> str:
    found = []
    for epoch, *others in zip(epochs, *seeds, strict=True):
        interval = statistics.predict_interval([other[metric] for other in others])
        found.append(interval is not None and interval[0] <= epoch[metric] <= interval[1])
    return f"{sum(found)} of {len(found)}"
