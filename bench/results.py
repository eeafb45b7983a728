"""`make results`: the runs that docs/results.md is about, and its tables and pictures out of what the service answers.

Hours of training. Interrupted, it goes on where it was: an idempotency key finds each sweep again.
"""

import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from time import sleep
from typing import Any

import httpx

from article.published import METRICS
from jobs import statistics
from runtime.settings import Settings
from stack.up import run_stack

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
RESULTS = PAGE.with_suffix("")
DATA_DIR = Path(".activation-lab-results")
LOOK_EVERY_SECONDS = 5.0

Answer = Mapping[str, Any]  # as the service sent it
Epoch = Mapping[str, float]
Rows = Iterable[Sequence[str]]

ONE_EPOCH = ("loss", "binary_accuracy", "val_loss", "val_binary_accuracy")
"""What the article's log of one epoch has."""
ARTICLE = {"epochs": 5, "protocol": "article"}
SEEDS = [0, 1, 2]
SWEEPS: Mapping[str, Answer] = {
    "article": {"base": {**ARTICLE, "precision": "bfloat16"}, "seeds": SEEDS},
    "holdout": {
        "base": {"epochs": 5, "validation": {"kind": "holdout", "fraction": 0.2}, "precision": "bfloat16"},
        "seeds": SEEDS,
    },
    "float32": {"base": ARTICLE, "seeds": [0]},
    "sigmoid": {"base": ARTICLE, "activations": ["sigmoid"], "seeds": [1, 2, 3, 4]},
    "longer": {
        "base": {**ARTICLE, "epochs": 25, "precision": "bfloat16"},
        "activations": ["relu", "selu", "gelu"],
        "seeds": [0],
    },
    "cost": {"base": {**ARTICLE, "epochs": 3, "train_samples": 12_000}, "seeds": [0, 1]},
}
FILES = {
    "article.svg": "/v1/sweeps/{article}/plot.svg?beside=published",
    "article-without-sigmoid.svg": "/v1/sweeps/{article}/plot.svg?beside=published&exclude=sigmoid",
    "holdout.svg": "/v1/sweeps/{holdout}/plot.svg",
    "holdout-without-sigmoid.svg": "/v1/sweeps/{holdout}/plot.svg?exclude=sigmoid",
    "longer.svg": "/v1/sweeps/{longer}/plot.svg?beside=published",
    "sigmoid-layers.svg": "/v1/jobs/{plateau}/layers/plot.svg",
    "published.json": "/v1/published",
    "article-published.json": "/v1/sweeps/{article}/published",
    **{f"{name}.json": f"/v1/sweeps/{{{name}}}" for name in SWEEPS},
    **{f"{name}-history.csv": f"/v1/sweeps/{{{name}}}/history?format=csv" for name in SWEEPS},
}


@dataclass(frozen=True, slots=True)
class Job:
    activation: str
    epochs: Sequence[Epoch]


def main() -> None:
    """The only argument is the folder of the runs, which may hold some of them already."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA_DIR
    settings = Settings(data_dir=folder, worker_processes=2)
    folder.mkdir(exist_ok=True)
    with (
        (folder / "stack.log").open("a", buffering=1) as log,
        run_stack(settings, host="127.0.0.1", port=0, log_to=log) as stack,
        httpx.Client(base_url=stack.url, trust_env=False, timeout=60) as http,
    ):
        stack.supervise_during(lambda: download(http))
    PAGE.write_text(page(PAGE.read_text(), RESULTS))


def posted(http: httpx.Client) -> dict[str, str]:
    return {
        name: http.post("/v1/sweeps", json=sweep, headers={"Idempotency-Key": f"results-{name}"})
        .raise_for_status()
        .json()["id"]
        for name, sweep in SWEEPS.items()
    }


def finished(http: httpx.Client, sweep_id: str) -> Answer:
    while True:
        sweep: Answer = http.get(f"/v1/sweeps/{sweep_id}").raise_for_status().json()
        if sweep["finished_at"]:
            return sweep
        print(f"\r{sweep['progress']['epoch']} of {sweep['progress']['epochs']} epochs", end="", flush=True)
        sleep(LOOK_EVERY_SECONDS)


def download(http: httpx.Client) -> None:
    sweeps = {name: finished(http, sweep_id) for name, sweep_id in posted(http).items()}
    ids = {name: sweep["id"] for name, sweep in sweeps.items()}
    sigmoid = next(row for row in sweeps["article"]["configurations"] if row["activation"] == "sigmoid")
    RESULTS.mkdir(exist_ok=True)
    for name, path in FILES.items():
        content = http.get(path.format(**ids, plateau=sigmoid["job_ids"][1])).raise_for_status().content
        (RESULTS / name).write_bytes(content)


# --- the page ---


def page(text: str, folder: Path) -> str:
    """The page with its tables made anew out of what was downloaded."""
    beside, published = (read(folder, name)["data"] for name in ("article-published", "published"))
    article, holdout, timed = (read(folder, name) for name in ("article", "holdout", "cost"))
    runs = {name: history(folder, name) for name in ("article", "float32")}
    tables = {
        "verdicts": verdicts(beside),
        "first epoch": first_epoch(published, runs["article"]),
        "protocols": protocols(article, holdout),
        "cost": cost(published, timed),
        "precision": precision(runs["article"], runs["float32"]),
    }
    for name, table in tables.items():
        text = filled(text, name, table)
    return text


def read(folder: Path, name: str) -> Any:  # Any: as the service sent it
    return json.loads((folder / f"{name}.json").read_text())


def history(folder: Path, name: str) -> list[Job]:
    """The jobs of a sweep in its order, each with its epochs in theirs."""
    with (folder / f"{name}-history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    jobs = [list(epochs) for _, epochs in groupby(rows, key=lambda row: row["job_id"])]
    return [
        Job(epochs[0]["activation"], [{name: float(row[name]) for name in ONE_EPOCH} for row in epochs])
        for epochs in jobs
    ]


def filled(text: str, name: str, table: str) -> str:
    """The text with this table between its two marks."""
    marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.compile(rf"(?<={re.escape(marks[0])}\n).*?(?={re.escape(marks[1])})", re.DOTALL)
    filled_in, found = pattern.subn(lambda _: f"{table}\n", text)
    if found != 1:
        raise SystemExit(f"docs/results.md has no place for the table {name!r}")
    return filled_in


# --- the tables ---


def markdown(headers: Sequence[str], rows: Rows) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def verdicts(beside: Sequence[Answer]) -> str:
    """A row for each curve: its first and last published point among our epochs, and a verdict on all of them."""
    rows = []
    for (activation, metric), found in groupby(beside, key=lambda row: (row["activation"], row["metric"])):
        points = list(found)
        counts = Counter(point["verdict"] for point in points)
        verdict = ", ".join(f"{told.replace('_', ' ')} {count}" for told, count in counts.most_common())
        rows.append([activation, metric, *side(points[0]), *side(points[-1]), verdict])
    headers = ["activation", "figure", "epoch", "published", "ours [one more run]"]
    return markdown([*headers, *headers[2:], f"verdict on {len(beside)} points"], rows)


def side(point: Answer) -> tuple[str, str, str]:
    low, high = point["prediction"]
    places = 4 if point["metric"] == "val_loss" else 5
    ours = f"{point['ours']['mean']:.{places}f} [{low:.{places}f}, {high:.{places}f}]"
    return str(point["epoch"]), f"{point['published']:.{places}f}", ours


def first_epoch(published: Sequence[Answer], jobs: Sequence[Job]) -> str:
    """The article's log of one epoch, and ours: from the lowest to the highest of the seeds."""
    rows = []
    for run in published:
        ours = [job.epochs[0] for job in jobs if job.activation == run["activation"]]
        cells = [
            f"{run['after_one_epoch'][name]:.4f} / {spread([epoch[name] for epoch in ours])}" for name in ONE_EPOCH
        ]
        rows.append([run["activation"], *cells])
    return markdown(["activation", *ONE_EPOCH], rows)


def spread(values: Sequence[float]) -> str:
    return f"{min(values):.4f} to {max(values):.4f}"


def protocols(article: Answer, holdout: Answer) -> str:
    """Digits right after the last epoch, by what says so."""
    rows = []
    for theirs, honest in zip(article["configurations"], holdout["configurations"], strict=True):
        estimates = (theirs["final"]["val_accuracy"], honest["final"]["val_accuracy"], honest["test"]["accuracy"])
        binary = percent(theirs["final"]["val_binary_accuracy"])
        rows.append([theirs["activation"], binary, *map(percent, estimates)])
    headers = ["activation", "article: binary accuracy %", "article: test set as validation %"]
    return markdown([*headers, "honest: holdout %", "honest: test set %"], rows)


def percent(estimate: Answer) -> str:
    """Mean and interval; one that reaches beyond what a fraction can be says that the runs are of different kinds."""
    low, high = (100 * bound for bound in estimate["interval"])
    told = f"[{low:.2f}, {high:.2f}]" if low >= 0 and high <= 100 else "(no interval: two kinds of runs)"
    return f"{100 * estimate['mean']:.2f} {told}"


def cost(published: Sequence[Answer], sweep: Answer) -> str:
    theirs = {run["activation"]: run["after_one_epoch"]["ratio_to_relu"] for run in published}
    rows = [
        [row["activation"], f"{theirs[row['activation']]:.2f}", f"{row['ratio_to_relu']:.2f}"]
        for row in sweep["configurations"]
    ]
    return markdown(["activation", "published, x relu", "ours, x relu"], rows)


def precision(bfloat16: Sequence[Job], float32: Sequence[Job]) -> str:
    """How many figures of a float32 run lie where one more bfloat16 run would, in 95 of 100 cases."""
    rows = []
    for run in float32:
        seeds = [job.epochs for job in bfloat16 if job.activation == run.activation]
        rows.append([run.activation, *(inside(run.epochs, seeds, metric) for metric in METRICS)])
    return markdown(["activation", *METRICS], rows)


def inside(epochs: Sequence[Epoch], seeds: Sequence[Sequence[Epoch]], metric: str) -> str:
    found = []
    for epoch, *others in zip(epochs, *seeds, strict=True):
        interval = statistics.predict_interval([other[metric] for other in others])
        found.append(interval is not None and interval[0] <= epoch[metric] <= interval[1])
    return f"{sum(found)} of {len(found)}"


if __name__ == "__main__":  # spawned processes import this module too
    main()
