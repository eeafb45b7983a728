"""The article's sweep through the whole service, and a killed training process."""

import csv
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import httpx

from runtime.settings import Settings
from stack.up import run_stack

Rows = list[tuple[str, str]]
Answer = dict[str, Any]  # as the service sent it
RESULTS = Path(__file__).parents[2] / "docs" / "results"
STORED = {"float32": "float32-history.csv", "bfloat16": "article-history.csv"}
FINAL = {"succeeded", "failed", "cancelled"}
REPEATABLE = ("loss", "accuracy", "binary_accuracy", "val_loss", "val_accuracy", "val_binary_accuracy")


def measure(device: str, mnist_dir: Path, *, epochs: int, images: int, activations: list[str] | None) -> Rows:
    rows: Rows = []
    with run_service(mnist_dir) as http:
        for precision in ("float32", "bfloat16"):
            base = {"epochs": epochs, "protocol": "article", "train_samples": images}
            base |= {"precision": precision, "device": device}
            sweep: Answer = {"base": base, "seeds": [0]}
            rows += run_sweep(http, sweep | ({"activations": activations} if activations else {}), precision)
        rows += kill_and_compare(http, device, images)
    return rows


@contextmanager
def run_service(mnist_dir: Path) -> Iterator[httpx.Client]:
    with TemporaryDirectory() as folder, (Path(folder) / "stack.log").open("a", buffering=1) as log:
        settings = Settings(data_dir=Path(folder), mnist_dir=mnist_dir)
        with (
            run_stack(settings, host="127.0.0.1", port=0, log_to=log) as stack,
            httpx.Client(base_url=stack.url, trust_env=False, timeout=60) as http,
        ):
            yield http


def run_sweep(http: httpx.Client, sweep: Answer, precision: str) -> Rows:
    began = monotonic()
    posted = post(http, "/v1/sweeps", sweep)
    finished = wait(http, f"/v1/sweeps/{posted['id']}")
    seconds = monotonic() - began
    rows = [(f"{precision}: sweep over HTTP", f"{finished['state']} after {seconds:.0f} s")]
    for configuration in finished["configurations"]:
        job = get(http, f"/v1/jobs/{configuration['job_ids'][0]}")
        rows.append((f"{precision}: {job['spec']['activation']}", describe_job(http, job, precision)))
    return rows


def describe_job(http: httpx.Client, job: Answer, precision: str) -> str:
    """Tell the device, and how far the last epoch's validation loss is from that of a CPU with the same seed."""
    epoch = read_history(http, job["id"])[-1]
    stored = find_stored(STORED[precision], job["spec"]["activation"], epoch["epoch"])
    device = (job["environment"] or {}).get("device")
    return f"{device}, {epoch['images_per_second']:.0f} images/s, val loss {epoch['val_loss']:.4f} (CPU {stored})"


def find_stored(name: str, activation: str, epoch: int) -> str:
    with (RESULTS / name).open() as file:
        for row in csv.DictReader(file):
            if (row["activation"], int(row["seed"]), int(row["epoch"])) == (activation, 0, epoch):
                return f"{float(row['val_loss']):.4f}"
    return "not stored"


def kill_and_compare(http: httpx.Client, device: str, images: int) -> Rows:
    """Kill the training process in mid-epoch, and compare the resumed history with an unharmed one."""
    spec = {"activation": "relu", "epochs": 4, "train_samples": images, "device": device, "seed": 7}
    unharmed = post(http, "/v1/jobs", spec)
    first = wait(http, f"/v1/jobs/{unharmed['id']}")
    began, claimed = (datetime.fromisoformat(first[name]) for name in ("created_at", "started_at"))
    killed = post(http, "/v1/jobs", spec)
    while get(http, f"/v1/jobs/{killed['id']}")["progress"]["epoch"] < 1:
        sleep(0.01)
    os.kill(find_trainer(http, killed["id"]), signal.SIGKILL)
    finished = wait(http, f"/v1/jobs/{killed['id']}")
    histories = [
        [[epoch[name] for name in REPEATABLE] for epoch in read_history(http, job["id"])] for job in (unharmed, killed)
    ]
    equal = "equal to the bit" if histories[0] == histories[1] else "DIFFERENT"
    rows = [("POST to claim, warm worker", f"{(claimed - began).total_seconds() * 1000:.0f} ms")]
    return [*rows, ("kill -9 in mid-epoch", f"{finished['state']} at attempt {finished['attempt']}, history {equal}")]


def find_trainer(http: httpx.Client, job_id: str) -> int:
    while True:
        for worker in get(http, "/v1/workers")["data"]:
            if worker["job_id"] == job_id:
                return int(worker["id"].rpartition("/")[2])
        sleep(0.01)


def read_history(http: httpx.Client, job_id: str) -> list[Answer]:
    epochs: list[Answer] = get(http, f"/v1/jobs/{job_id}/history")["epochs"]
    return epochs


def post(http: httpx.Client, path: str, body: Answer) -> Answer:
    return dict(http.post(path, json=body).raise_for_status().json())


def get(http: httpx.Client, path: str) -> Answer:
    return dict(http.get(path).raise_for_status().json())


def wait(http: httpx.Client, path: str) -> Answer:
    while not (answer := get(http, path))["finished_at"]:
        sleep(0.1)
    return answer
