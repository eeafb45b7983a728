"""docs/load.md, from what `python -m bench.load` measured."""

import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from statistics import median, quantiles
from textwrap import fill

from bench.load_traffic import Measured, Plan

PAGE = Path(__file__).parents[1] / "docs" / "load.md"
WIDTH = 120
LATE = 1.1
"""An epoch is late that takes this many times as long as those without load."""
HEAD = """# Load

`python -m bench.load` runs the whole service by `up`, with one job that trains all the time and a queue filled up to
its quota. It sends mixed traffic over loopback while streams are open: pages of jobs, histories, drawings, evaluations,
predictions, jobs and sweeps that are posted and cancelled, and requests that are refused. Jobs beyond the quota are
answered 429; any other answer than the one asked for is a failure, also 503 `busy`: the traffic stays below what the
threads of heavy work can do.

The load comes in rounds, with a pause before each and after the last, in which the job trains alone. An epoch under
load is compared with the median epochs of the pauses before and after it, because the speed of a machine that shares
its host changes within minutes; an epoch of a pause is compared with its own pause, which shows how much epochs differ
without any load.
"""


def format_page(plan: Plan, measured: Measured) -> str:
    parts = (list_findings, list_epochs, list_processes, list_requests)
    return "\n".join([HEAD, *describe_run(plan), *(line for part in parts for line in part(measured))])


def describe_run(plan: Plan) -> Iterator[str]:
    times = f"--minutes {plan.minutes:g} --rounds {plan.rounds} --alone-seconds {plan.alone_seconds:g}"
    command = f"python -m bench.load --database {plan.database} {times} --samples {plan.samples} --rate {plan.rate:g}"
    machine = f"{platform.machine()}, {os.cpu_count()} cores for the service and its clients"
    traffic = f"{plan.clients} clients, at most {plan.rate:g} requests a second in all, and {plan.streams} streams"
    yield fill(f"`{command}` on {datetime.now(UTC).date()}, {machine}: {traffic}.", WIDTH) + "\n"


def list_findings(measured: Measured) -> Iterator[str]:
    load = measured.load
    statuses = ", ".join(f"{count:,} x {status}" for status, count in sorted(load.statuses.items()))
    yield f"Answers: {statuses}.\n"
    yield f"Failures: {load.unexpected.total():,}."
    for what, count in load.unexpected.most_common(20):
        yield f"- {count} x {' '.join(what.split())}"


def list_epochs(measured: Measured) -> Iterator[str]:
    yield "\n| epochs | number | median | beside the training alone, median and slowest | late by more than 10 % |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    epochs = measured.epochs
    yield describe_epochs("alone", epochs.alone, epochs.compare_alone())
    yield describe_epochs("under load", epochs.loaded, epochs.compare_loaded())
    yield f"\nFrom the commit of an epoch to a stream's client: {format_seconds(measured.load.delays)}.\n"


def describe_epochs(name: str, seconds: Sequence[Sequence[float]], ratios: Sequence[float]) -> str:
    if not ratios:  # the rounds were shorter than an epoch
        return f"| {name} | 0 | | | |"
    middle, late = median(chain.from_iterable(seconds)), sum(ratio > LATE for ratio in ratios)
    return f"| {name} | {len(ratios)} | {middle:.2f} s | {median(ratios):.3f}, {max(ratios):.3f} | {late} |"


def list_processes(measured: Measured) -> Iterator[str]:
    yield "| process | cores | MiB resident in the first, second, third and last quarter | most |"
    yield "| --- | ---: | ---: | ---: |"
    for name, samples in measured.usage.mebibytes.items():
        quarters = " / ".join(f"{median(quarter):.0f}" for quarter in cut(samples))
        cores = measured.usage.cpu_seconds[name] / measured.usage.seconds
        yield f"| {name} | {cores:.2f} | {quarters} | {max(samples):.0f} |"


def cut(samples: Sequence[float]) -> list[Sequence[float]]:
    """Cut into four parts of the same length, or as many as there are samples."""
    size = max(1, len(samples) // 4)
    return [samples[at : at + size] for at in range(0, min(len(samples), 4 * size), size)]


def list_requests(measured: Measured) -> Iterator[str]:
    yield "\n| request | number | p50, p99, slowest |\n| --- | ---: | ---: |"
    for what, seconds in sorted(measured.load.seconds.items()):
        yield f"| {what} | {len(seconds):,} | {format_seconds(seconds)} |"
    yield ""


def format_seconds(seconds: Sequence[float]) -> str:
    """Median, 99th percentile and the most, in milliseconds."""
    if len(seconds) < 2:  # of which no percentile can be told
        return "too few"
    cuts = quantiles(seconds, n=100, method="inclusive")
    return f"{cuts[49] * 1000:.0f}, {cuts[98] * 1000:.0f}, {max(seconds) * 1000:.0f} ms"
