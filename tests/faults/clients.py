"""Clients that go on whatever happens to the service: they submit, cancel, and listen over streams that are cut."""

import random
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

import httpx

from tests.faults.environment import Ground

UNFINISHED_JOBS = 5
CANCELS_A_ROUND = 0.004
CUT_AFTER_SECONDS = 0.2
BASE = {"epochs": 5, "train_samples": 512, "validation": {"kind": "holdout", "fraction": 0.005}}
SPECS: Sequence[Mapping[str, Any]] = [
    {"activation": "relu"},
    {"activation": "selu", "optimizer": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9}},
    {"activation": "gelu", "optimizer": {"name": "rmsprop", "learning_rate": 1e-3}},
    {"activation": "sigmoid", "optimizer": {"name": "adamw", "learning_rate": 1e-3}, "checkpoint_every": 2},
    {"activation": "leaky-relu", "trainable": {"parameters": ["alpha"], "per": "channel"}},
]
UNANSWERED = (httpx.HTTPError, RuntimeError)  # RuntimeError: the connections of a service that is no more


class Clients:
    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.over = threading.Event()
        self.accepted: dict[str, int] = {}
        """The number of the spec, for each job that a POST was answered with."""
        self.cancelled: set[str] = set()
        self.heard: dict[str, list[int]] = {}
        """The numbers of the events of each job that was listened to."""

    def train(self, number: int) -> str:
        """POST this spec until there is an answer, which an idempotency key makes safe."""
        headers = {"Idempotency-Key": str(len(self.accepted))}
        answer = self.answered("POST", "/v1/jobs", json={**BASE, **SPECS[number]}, headers=headers)
        assert answer.status_code == 202, answer.text
        job_id = str(answer.json()["id"])
        self.accepted[job_id] = number
        return job_id

    def answered(self, method: str, path: str, **request: Any) -> httpx.Response:
        while True:
            with suppress(*UNANSWERED):
                answer = self.ground.service.http.request(method, path, **request)
                if answer.status_code != 503:
                    return answer
            sleep(0.2)

    def wait_for_end(self, job_id: str) -> None:
        while not self.ended(job_id):
            sleep(0.3)

    def ended(self, job_id: str) -> bool:
        return self.answered("GET", f"/v1/jobs/{job_id}").json()["finished_at"] is not None

    def submit_and_cancel(self, chance: random.Random) -> None:
        """Keep some jobs unfinished, and cancel one now and then."""
        unfinished: set[str] = set()
        while not self.over.is_set():
            if len(unfinished) < UNFINISHED_JOBS:
                unfinished.add(self.train(chance.randrange(len(SPECS))))
            if chance.random() < CANCELS_A_ROUND:
                self.cancel(chance.choice(sorted(unfinished)))
            unfinished -= {job_id for job_id in unfinished if self.ended(job_id)}
            sleep(0.3)

    def cancel(self, job_id: str) -> None:
        self.cancelled.add(job_id)
        self.answered("POST", f"/v1/jobs/{job_id}/cancel")

    def listen(self) -> None:
        """Follow one job after the other, each to its end."""
        while not self.over.is_set():
            unheard = [job_id for job_id in list(self.accepted) if job_id not in self.heard]
            if unheard:
                self.heard[unheard[-1]] = self.events(unheard[-1])
            sleep(0.2)

    def events(self, job_id: str) -> list[int]:
        heard: list[int] = []
        ended = False
        while not ended:
            cut_at = monotonic() + CUT_AFTER_SECONDS
            with suppress(*UNANSWERED):
                for event in self.ground.service.events(job_id, after=heard[-1] if heard else 0):
                    # Without a number of their own: progress, and comments, which this library passes on.
                    if not event.data or event.event == "progress":
                        continue
                    heard.append(int(event.id))
                    ended = event.event == "end"
                    if monotonic() > cut_at:
                        break
            sleep(0.1)
        return heard
