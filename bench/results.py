"""`make results`: train the runs of docs/results.md, and make its tables and pictures from the service's answers.

Hours of training. After an interruption it resumes: an idempotency key finds each sweep again. `python -m
bench.results --only own own-learned` trains and downloads these runs alone; the tables of the others stay as they are.
"""

import json
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import sleep
from typing import Any

import httpx

from bench.results_page import fill_page
from runtime.settings import Settings
from stack.up import run_stack

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
RESULTS = PAGE.with_suffix("")
DATA_DIR = Path(".activation-lab-results")
POLL_SECONDS = 5.0

Answer = Mapping[str, Any]  # as the service sent it
ARTICLE = {"epochs": 5, "protocol": "article"}
SHORT = {"epochs": 4, "train_samples": 6000, "batch_size": 64, "validation": {"kind": "holdout", "fraction": 0.05}}
"""A training of half a minute: a tenth of the images, so that five seeds of twelve configurations take minutes."""
SEEDS = [0, 1, 2]
FIVE_SEEDS = [0, 1, 2, 3, 4]
ACTIVATIONS: Mapping[str, Answer] = {
    "swish": {
        "formula": "x*sigmoid(b*x)",
        "parameters": {"b": {"default": 1, "description": "How sharp the bend is; silu has 1."}},
        "title": "Swish",
    },
    "smooth-leaky": {
        "formula": "a*x + (1 - a)*softplus(b*x)/b",
        "parameters": {
            "a": {"default": 0.1, "description": "The slope far to the left."},
            "b": {"default": 4, "minimum": 0.01, "description": "How sharp the bend is; leaky-relu has no limit."},
        },
        "title": "Smooth leaky ReLU",
    },
}
"""The formulas of the run `own`, as they are defined over HTTP."""
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
    "learned": {
        "base": SHORT,
        "activations": ["leaky-relu", "elu"],
        "seeds": FIVE_SEEDS,
        "grid": {"trainable": [None, *({"parameters": ["alpha"], "per": per} for per in ("layer", "channel"))]},
    },
    "own": {"base": SHORT, "activations": ["relu", "gelu", *ACTIVATIONS], "seeds": FIVE_SEEDS},
    "own-learned": {
        "base": {**SHORT, "trainable": {"parameters": ["b"], "per": "layer"}},
        "activations": [*ACTIVATIONS],
        "seeds": FIVE_SEEDS,
    },
}
DRAWN = {"article": ("sigmoid", 1), "learned": ("leaky-relu", 0)}
"""The job whose figures are drawn: of the last configuration of this activation, by the number of its seed."""
HISTORY = "/v1/sweeps/{id}/history?format=csv"
JOBS = "/v1/jobs?sweep_id={id}&sort=created_at&limit=200"
FILES: Mapping[str, Mapping[str, str]] = {
    "article": {
        "article.svg": "/v1/sweeps/{id}/plot.svg?beside=published",
        "article-without-sigmoid.svg": "/v1/sweeps/{id}/plot.svg?beside=published&exclude=sigmoid",
        "sigmoid-layers.svg": "/v1/jobs/{job}/layers/plot.svg",
        "published.json": "/v1/published",
        "article-published.json": "/v1/sweeps/{id}/published",
        "article-history.csv": HISTORY,
    },
    "holdout": {
        "holdout.svg": "/v1/sweeps/{id}/plot.svg",
        "holdout-without-sigmoid.svg": "/v1/sweeps/{id}/plot.svg?exclude=sigmoid",
        "holdout-history.csv": HISTORY,
    },
    "float32": {"float32-history.csv": HISTORY},
    "sigmoid": {"sigmoid-history.csv": HISTORY},
    "longer": {"longer.svg": "/v1/sweeps/{id}/plot.svg?beside=published", "longer-history.csv": HISTORY},
    "cost": {"cost-history.csv": HISTORY},
    "learned": {"learned-jobs.json": JOBS, "learned-parameters.svg": "/v1/jobs/{job}/parameters/plot.svg"},
    "own": {"own-jobs.json": JOBS, "own.svg": "/v1/sweeps/{id}/plot.svg?metric=val_loss"},
    "own-learned": {"own-learned-jobs.json": JOBS},
}
"""By run: what is downloaded beside the sweep itself, of the sweep and of the job that is drawn."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = ArgumentParser(prog="python -m bench.results")
    parser.add_argument("folder", nargs="?", type=Path, default=DATA_DIR, help="of the service; may hold some runs")
    parser.add_argument("--only", nargs="+", choices=[*SWEEPS], default=[*SWEEPS], metavar="RUN", help="without: all")
    given = parser.parse_args(arguments)
    download_all(given.folder, {name: SWEEPS[name] for name in given.only}, RESULTS)
    PAGE.write_text(fill_page(PAGE.read_text(), RESULTS))


def download_all(folder: Path, sweeps: Mapping[str, Answer], results: Path) -> None:
    """Train the sweeps by a service in the folder, and download its answers."""
    folder.mkdir(exist_ok=True)
    results.mkdir(exist_ok=True)
    settings = Settings(data_dir=folder, worker_processes=2)
    with (
        (folder / "stack.log").open("a", buffering=1) as log,
        run_stack(settings, host="127.0.0.1", port=0, log_to=log) as stack,
        httpx.Client(base_url=stack.url, trust_env=False, timeout=60) as http,
    ):
        stack.supervise_during(lambda: train(http, sweeps, results))


def train(http: httpx.Client, sweeps: Mapping[str, Answer], results: Path) -> None:
    for name, definition in ACTIVATIONS.items():
        http.post("/v1/activations", json={"name": name, **definition}).raise_for_status()
    for name, sweep_id in post_sweeps(http, sweeps).items():
        download(http, name, wait_for_sweep(http, sweep_id), results)


def post_sweeps(http: httpx.Client, sweeps: Mapping[str, Answer]) -> dict[str, str]:
    return {
        name: http.post("/v1/sweeps", json=sweep, headers={"Idempotency-Key": f"results-{name}"})
        .raise_for_status()
        .json()["id"]
        for name, sweep in sweeps.items()
    }


def wait_for_sweep(http: httpx.Client, sweep_id: str) -> Answer:
    while True:
        sweep: Answer = http.get(f"/v1/sweeps/{sweep_id}").raise_for_status().json()
        if sweep["finished_at"]:
            return sweep
        print(f"\r{sweep['progress']['epoch']} of {sweep['progress']['epochs']} epochs", end="", flush=True)
        sleep(POLL_SECONDS)


def download(http: httpx.Client, name: str, sweep: Answer, results: Path) -> None:
    paths = {f"{name}.json": "/v1/sweeps/{id}", **FILES[name]}
    for file, path in paths.items():
        answer = http.get(path.format(id=sweep["id"], job=find_drawn(name, sweep))).raise_for_status()
        (results / file).write_bytes(answer.content)
    if learned := [*read_parameters(http, sweep)]:
        (results / f"{name}-parameters.json").write_text(json.dumps(learned))


def find_drawn(name: str, sweep: Answer) -> str:
    """Find the job that is drawn of this run; of most none is."""
    if name not in DRAWN:
        return ""
    activation, seed = DRAWN[name]
    *_, configuration = (row for row in sweep["configurations"] if row["activation"] == activation)
    return str(configuration["job_ids"][seed])


def read_parameters(http: httpx.Client, sweep: Answer) -> Iterable[Answer]:
    """Read what each job's parameters were after its last epoch, where it learned any."""
    for job_id in (job_id for row in sweep["configurations"] for job_id in row["job_ids"]):
        job = http.get(f"/v1/jobs/{job_id}").raise_for_status().json()
        if job["spec"]["trainable"]:
            path = f"/v1/jobs/{job_id}/parameters"
            yield http.get(path, params={"epoch": job["progress"]["epochs"]}).raise_for_status().json()


if __name__ == "__main__":  # spawned processes import this module too
    main()
