"""Many clients on one SQLite stack: each POSTs a job and cancels it, over and over, while one job trains."""

import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from bench.contestants import run_up

SWEEP = {"seeds": list(range(512)), "activations": ["relu"]}
TRAINED = {
    "activation": "relu",
    "epochs": 1000,
    "train_samples": 256,
    "validation": {"kind": "holdout", "fraction": 0.001},
}


@dataclass(frozen=True, slots=True)
class Answer:
    what: str
    status: int
    """0 where there was no answer."""
    seconds: float


@dataclass(slots=True)
class Load:
    url: str
    until: float
    sweep_after: float
    answers: list[Answer] = field(default_factory=list)

    def request(self, http: httpx.Client, what: str, method: str, path: str, **options: Any) -> httpx.Response | None:
        began = time.monotonic()
        try:
            response = http.request(method, path, **options)
        except httpx.HTTPError:
            response = None
        self.answers.append(Answer(what, response.status_code if response else 0, time.monotonic() - began))
        return response

    def post_and_cancel(self, _: int) -> None:
        with open_client(self.url) as client:
            while time.monotonic() < self.until:
                posted = self.request(client, "POST", "POST", "/v1/jobs", json={"activation": "gelu"})
                if posted is not None and posted.status_code == 202:
                    self.request(client, "cancel", "POST", f"/v1/jobs/{posted.json()['id']}/cancel")

    def poll_readiness(self) -> None:
        with open_client(self.url) as client:
            while time.monotonic() < self.until:
                self.request(client, "readyz", "GET", "/readyz")
                time.sleep(0.25)

    def submit_sweep(self) -> None:
        """Submit a sweep of 512 once, after a while, and cancel it."""
        with open_client(self.url) as client:
            time.sleep(self.sweep_after)
            made = self.request(client, "sweep of 512", "POST", "/v1/sweeps", json=SWEEP)
            if made is not None and made.status_code == 202:
                self.request(client, "its cancel", "POST", f"/v1/sweeps/{made.json()['id']}/cancel")


def open_client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, trust_env=False, timeout=120)


def main(*, clients: int = 40, seconds: float = 30.0) -> None:
    with tempfile.TemporaryDirectory() as folder:
        answers, job = measure(Path(folder), clients=clients, seconds=seconds)
    print(f"{clients} clients that POST and cancel for {seconds:.0f} s, SQLite, one job in training")
    for what in ("POST", "cancel", "readyz", "sweep of 512", "its cancel"):
        print(format_row(what, [answer for answer in answers if answer.what == what]))
    kept = job["attempt"] == 1 and job["state"] == "running"
    print(f"the job in training: attempt {job['attempt']}, {job['progress']['epoch']} epochs, lease kept: {kept}")


def format_row(what: str, answers: Sequence[Answer]) -> str:
    refused = [answer for answer in answers if not 200 <= answer.status < 300]
    seconds = sorted(answer.seconds for answer in answers) or [0.0]
    times = f"median {median(seconds):6.2f} s, slowest {seconds[-1]:6.2f} s"
    return f"{what:<13} {len(answers):5} asked, {len(refused):4} refused, {times}"


def measure(folder: Path, *, clients: int, seconds: float) -> tuple[list[Answer], dict[str, Any]]:
    with run_up(folder, worker_threads="1") as up:
        return load_stack(up.url, clients=clients, seconds=seconds)


def load_stack(url: str, *, clients: int, seconds: float) -> tuple[list[Answer], dict[str, Any]]:
    with open_client(url) as client:
        job = client.post("/v1/jobs", json=TRAINED).raise_for_status().json()
        while not client.get(job["links"]["self"]).json()["progress"]["epoch"]:
            time.sleep(0.2)
        load = Load(url, time.monotonic() + seconds, sweep_after=seconds / 3)
        others = [threading.Thread(target=load.poll_readiness), threading.Thread(target=load.submit_sweep)]
        for thread in others:
            thread.start()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(load.post_and_cancel, range(clients)))
        for thread in others:
            thread.join()
        return load.answers, client.get(job["links"]["self"]).raise_for_status().json()


if __name__ == "__main__":
    main()
