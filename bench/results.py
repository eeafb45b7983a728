"""`make results`: train the runs of docs/results.md, and make its tables and pictures from the service's answers.

Hours of training. After an interruption it resumes: an idempotency key finds each sweep again.
"""

import sys
from collections.abc import Mapping
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
    PAGE.write_text(fill_page(PAGE.read_text(), RESULTS))


def post_sweeps(http: httpx.Client) -> dict[str, str]:
    return {
        name: http.post("/v1/sweeps", json=sweep, headers={"Idempotency-Key": f"results-{name}"})
        .raise_for_status()
        .json()["id"]
        for name, sweep in SWEEPS.items()
    }


def wait_for_sweep(http: httpx.Client, sweep_id: str) -> Answer:
    while True:
        sweep: Answer = http.get(f"/v1/sweeps/{sweep_id}").raise_for_status().json()
        if sweep["finished_at"]:
            return sweep
        print(f"\r{sweep['progress']['epoch']} of {sweep['progress']['epochs']} epochs", end="", flush=True)
        sleep(POLL_SECONDS)


def download(http: httpx.Client) -> None:
    sweeps = {name: wait_for_sweep(http, sweep_id) for name, sweep_id in post_sweeps(http).items()}
    ids = {name: sweep["id"] for name, sweep in sweeps.items()}
    sigmoid = next(row for row in sweeps["article"]["configurations"] if row["activation"] == "sigmoid")
    RESULTS.mkdir(exist_ok=True)
    for name, path in FILES.items():
        content = http.get(path.format(**ids, plateau=sigmoid["job_ids"][1])).raise_for_status().content
        (RESULTS / name).write_bytes(content)


if __name__ == "__main__":  # spawned processes import this module too
    main()
