"""`make bench`: the service beside its peers. The arguments are the sections to measure; without them, all."""

import argparse
import os
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions, version
from pathlib import Path
from time import monotonic
from typing import Any

from bench import formula_training, formulas, growth, latency, propagation, requests, resume, starts, streams, training
from bench.contestants import PEERS
from bench.figures import Figures
from bench.performance_page import PAGE, format_section, read_runs, summarize, write_page
from bench.rows import SECTIONS

Measure = Callable[..., None]
GROUPS: Mapping[str, tuple[Measure, Mapping[str, Any], Mapping[str, Any]]] = {
    "requests": (
        requests.measure,
        {"rounds": 10, "batch": 10, "points": 100_000},
        {"rounds": 4, "batch": 25, "points": 100_000},
    ),
    "growth": (
        growth.measure,
        {"rounds": 5, "batch": 10, "epochs": 1000, "times": 1000},
        {"rounds": 2, "batch": 5, "epochs": 1000, "times": 1000},
    ),
    "latency": (latency.measure, {"jobs": 20}, {"jobs": 3}),
    "training": (training.measure, {"rounds": 5, "images": 4000}, {"rounds": 2, "images": 1500}),
    "formula-training": (formula_training.measure, {"rounds": 10, "batches": 8}, {"rounds": 3, "batches": 4}),
    "starts": (starts.measure, {"rounds": 5, "whole_demo": True}, {"rounds": 2, "whole_demo": False}),
    "propagation": (propagation.measure, {"rounds": 5}, {"rounds": 2}),
    "formulas": (formulas.measure, {"rounds": 5, "points": 100_000}, {"rounds": 1, "points": 10_000}),
    "streams": (
        streams.measure,
        {"clients": 500, "jobs": 50, "seconds": 15, "rounds": 3},
        {"clients": 500, "jobs": 50, "seconds": 5, "rounds": 1},
    ),
    "resume": (resume.measure, {"rounds": 3, "lease_expires": True}, {"rounds": 1, "lease_expires": False}),
}
"""How each section is measured: fully, and quickly."""
VERSIONS_OF = ("mlflow", "ray", "keras", "tensorflow-cpu", "starlette", "uvicorn", "torch")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("sections", nargs="*", choices=[*GROUPS, []], help="without any, all")
    parser.add_argument("--quick", action="store_true", help="a rough look, which leaves docs/performance.md alone")
    options = parser.parse_args()
    page = PEERS / "performance.md" if options.quick else PAGE
    page.parent.mkdir(exist_ok=True)
    runs = read_runs(page.with_suffix(".json"))
    for name in options.sections or GROUPS:
        run = run_section(name, quick=options.quick)
        print(format_section(SECTIONS[name], run), flush=True)
        runs[name] = run
        write_page(page, runs)


def run_section(name: str, *, quick: bool) -> dict[str, Any]:
    measure, full, short = GROUPS[name]
    figures, began = Figures(), monotonic()
    try:
        measure(figures, **(short if quick else full))
    except Exception as error:  # noqa: BLE001  # the other sections are measured all the same
        traceback.print_exc()
        missing = {row.ours for row in SECTIONS[name].rows} - figures.samples.keys()
        figures.reasons.update(dict.fromkeys(missing, f"{type(error).__name__}: {error}"))
    return {
        "command": "make bench QUICK=1" if quick else "make bench",
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": describe_machine(),
        "versions": read_versions(),
        "seconds": round(monotonic() - began),
        **summarize(figures),
    }


def describe_machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name, flags = (next(line for line in lines if line.startswith(key)) for key in ("model name", "flags"))
    has = [label for flag, label in (("avx512f", "AVX-512"), ("avx512_bf16", "bfloat16")) if flag in flags.split()]
    return ", ".join([name.partition(": ")[2], f"{os.cpu_count()} cores", *has])


def read_versions() -> str:
    """The versions of the peers that are installed, and of our torch."""
    folders = [*map(str, PEERS.glob("venv/lib/*/site-packages"))]
    peers = {found.name: found.version for found in distributions(path=folders)} | {"torch": version("torch")}
    return ", ".join(f"{name} {peers[name]}" for name in VERSIONS_OF if name in peers)


if __name__ == "__main__":  # spawned processes import this module too
    main()
