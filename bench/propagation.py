"""Time of the largest propagations that the API allows: the slowest activation, drawn, over HTTP."""

from statistics import median
from time import monotonic

import httpx

from api.gradients.models import MAX_NUMBERS
from bench.startup import run_api

ROUNDS = 5
LIMIT_SECONDS = 2
ACTIVATION = "mish"
SHAPES = [(200, 32), (200, 128), (50, 256), (20, 200), (7, 1024), (2, 1024)]  # depth, width; then all samples allowed


def main(*, rounds: int = ROUNDS) -> None:
    with run_api() as api, httpx.Client(base_url=api.url, trust_env=False, timeout=60) as client:
        time_propagation(client, 1, 1)  # imports matplotlib
        slowest = max(median(time_propagation(client, *shape) for _ in range(rounds)) for shape in SHAPES)
    print(f"largest propagation, PNG  {slowest:7.2f} s    (limit {LIMIT_SECONDS}; slowest shape, median of {rounds})")


def time_propagation(client: httpx.Client, depth: int, width: int) -> float:
    samples = min(1024, (MAX_NUMBERS // (depth * width) - width) // 2)
    body = {"activation": ACTIVATION, "depth": depth, "width": width, "samples": samples}
    started = monotonic()
    client.post("/v1/gradients/propagation?format=png", json=body).raise_for_status()
    return monotonic() - started
