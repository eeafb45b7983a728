"""The clients of `python -m bench.load`: each asks for something else every time, or listens to a stream."""

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from statistics import mean, median
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Ask:
    what: str
    weight: int
    method: str
    path: str
    """With a place for the id of the training job or of the waiting sweep."""
    body: Any = None
    expected: int = 200
    then: Sequence[tuple[str, str]] = ()
    """Method and link of the requests that follow, to what was made."""


CANCEL = [("POST", "cancel")]
MIX = [
    Ask("job", 20, "GET", "/v1/jobs/{job}"),
    Ask("jobs", 10, "GET", "/v1/jobs?limit=50"),
    Ask("jobs by metadata and accuracy", 3, "GET", "/v1/jobs?metadata[load]=yes&sort=-best_val_accuracy"),
    Ask("history", 8, "GET", "/v1/jobs/{job}/history"),
    Ask("history as Parquet", 2, "GET", "/v1/jobs/{job}/history?format=parquet"),
    Ask("layers", 3, "GET", "/v1/jobs/{job}/layers"),
    Ask("plot of a job", 2, "GET", "/v1/jobs/{job}/plot.svg"),
    Ask("checkpoints", 2, "GET", "/v1/jobs/{job}/checkpoints"),
    Ask("sweep", 5, "GET", "/v1/sweeps/{sweep}"),
    Ask("means of a sweep", 2, "GET", "/v1/sweeps/{sweep}/means"),
    Ask("history of a sweep", 2, "GET", "/v1/sweeps/{sweep}/history?format=csv"),
    Ask("evaluate 1,000", 8, "POST", "/v1/activations/gelu/evaluate", {"x": [n / 100 for n in range(1000)]}),
    Ask("curve as PNG", 2, "GET", "/v1/activations/gelu/curve?points=1000&format=png"),
    Ask(
        "propagation",
        2,
        "POST",
        "/v1/gradients/propagation",
        {"activation": "relu", "depth": 20, "width": 128, "initializer": "he_normal", "seed": 1, "samples": 32},
    ),
    Ask("predict", 1, "POST", "/v1/jobs/{job}/predict", {"image": [[0] * 28] * 28}),
    Ask(
        "submit and cancel",
        6,
        "POST",
        "/v1/jobs",
        {"activation": "elu", "metadata": {"load": "yes"}},
        expected=202,
        then=CANCEL,
    ),
    Ask("submit a sweep and cancel", 1, "POST", "/v1/sweeps", {"activations": ["elu"]}, expected=202, then=CANCEL),
    Ask("unknown job", 2, "GET", "/v1/jobs/0193b5c2-8d10-7aa1-8c55-5d1c2f3e4a5b", expected=404),
    Ask("invalid body", 2, "POST", "/v1/jobs", {"activation": "none"}, expected=422),
    Ask("page", 2, "GET", "/"),
    Ask("metrics", 1, "GET", "/metrics"),
    Ask("healthz", 5, "GET", "/healthz"),
    Ask("readyz", 1, "GET", "/readyz"),
]


@dataclass(frozen=True, slots=True)
class Plan:
    """Of a run."""

    database: str
    minutes: float
    """Of load, in all rounds together."""
    rounds: int
    alone_seconds: float
    """Without load, before each round and after the last."""
    samples: int
    """Images of an epoch."""
    clients: int
    rate: float
    """Requests a second of all clients together, at most."""
    streams: int


@dataclass(slots=True)
class Usage:
    """Of each process of the service."""

    mebibytes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Resident under load, every two seconds."""
    cpu_seconds: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


@dataclass(slots=True)
class Load:
    """Of one run: what is asked for, for how long, and what came of it."""

    ids: Mapping[str, str]
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[int] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)
    """Answers that are neither what was asked for nor 429."""
    delays: list[float] = field(default_factory=list)
    """Seconds from the commit of an epoch to a stream's client."""
    began_at: float = 0.0
    """Of the round."""
    until: float = 0.0
    """On the monotonic clock."""

    def begin_round(self, seconds: float) -> None:
        self.began_at, self.until = time.time(), time.monotonic() + seconds

    def is_over(self) -> bool:
        return time.monotonic() > self.until

    async def keep_asking(self, http: httpx.AsyncClient, *, interval_seconds: float) -> None:
        """Ask at an even rate; a client that is answered late asks again at once, and catches nothing up."""
        await asyncio.sleep(random.uniform(0, interval_seconds))
        while not self.is_over():
            began = time.monotonic()
            [ask] = random.choices(MIX, [each.weight for each in MIX])
            await self.ask(http, ask)
            await asyncio.sleep(max(0.0, began + interval_seconds - time.monotonic()))

    async def ask(self, http: httpx.AsyncClient, ask: Ask) -> None:
        path = ask.path.format(**self.ids)
        response = await self.send(http, ask.what, ask.method, path, body=ask.body, expected=ask.expected)
        if response is not None and response.status_code == ask.expected:
            for method, link in ask.then:
                await self.send(http, f"{ask.what}: {link}", method, response.json()["links"][link], expected=202)

    async def send(
        self, http: httpx.AsyncClient, what: str, method: str, path: str, *, expected: int, body: Any = None
    ) -> httpx.Response | None:
        began = time.monotonic()
        try:
            response = await http.request(method, path, json=body)
        except httpx.HTTPError as error:
            self.unexpected[f"{what}: {type(error).__name__}"] += 1
            return None
        self.seconds[what].append(time.monotonic() - began)
        self.statuses[response.status_code] += 1
        if response.status_code not in {expected, 429}:
            self.unexpected[f"{what}: {response.status_code} {response.text[:200]}"] += 1
        return response

    async def listen(self, http: httpx.AsyncClient, path: str) -> None:
        """Listen to a stream to the end of the load, and open it again when it is cut."""
        kind = ""
        while not self.is_over():
            try:
                async with http.stream("GET", path, timeout=30) as response:
                    self.statuses[response.status_code] += 1
                    if response.status_code != 200:
                        self.unexpected[f"stream: {response.status_code}"] += response.status_code != 429
                        await asyncio.sleep(1)
                        continue
                    async for line in response.aiter_lines():
                        name, _, rest = line.partition(": ")
                        kind = rest if name == "event" else kind
                        if name == "data" and kind == "epoch":
                            self.note_delay(json.loads(rest)["recorded_at"])
                        if self.is_over():
                            return
            except httpx.HTTPError as error:
                self.unexpected[f"stream: {type(error).__name__}"] += 1

    def note_delay(self, recorded_at: str) -> None:
        """Note when an epoch came; what a stream replays is older than the round."""
        recorded = datetime.fromisoformat(recorded_at).timestamp()
        if recorded > self.began_at:
            self.delays.append(time.time() - recorded)


@dataclass(frozen=True, slots=True)
class Epochs:
    """Seconds of each epoch of the training, as load and pauses took turns.

    The speed of the machine itself changes within minutes, where others share its host. So an epoch under load is
    compared with the pauses before and after it, and one of a pause with its own pause.
    """

    alone: Sequence[Sequence[float]]
    """By pause; there is one more than there are rounds."""
    loaded: Sequence[Sequence[float]]
    """By round."""

    def compare_alone(self) -> list[float]:
        return [seconds / median(pause) for pause in self.alone for seconds in pause]

    def compare_loaded(self) -> list[float]:
        """Divide each by the mean of the medians of the pause before and of the one after."""
        around = [mean([median(before), median(after)]) for before, after in pairwise(self.alone)]
        return [seconds / alone for epochs, alone in zip(self.loaded, around, strict=True) for seconds in epochs]


@dataclass(frozen=True, slots=True)
class Measured:
    load: Load
    usage: Usage
    epochs: Epochs
