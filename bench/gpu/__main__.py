"""`python -m bench.gpu`: all that a GPU has to show, in one go; its table comes last, and into a file.

`--device cpu --small` tries the script where there is no GPU.
"""

import argparse
import platform
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import torch

from bench.gpu import service, speed
from runtime.settings import Settings
from worker.prepare import describe_device

Rows = list[tuple[str, str]]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="a few images, to try the script")
    parser.add_argument("--out", type=Path, default=Path("gpu.md"))
    parser.add_argument("--without", nargs="*", default=[], choices=["tests", "speed", "jobs", "service"])
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    rows: Rows = [
        ("device", describe_device(device)),
        ("versions", f"Python {platform.python_version()}, torch {torch.__version__}"),
    ]
    for name, part in make_parts(device, small=options.small).items():
        if name not in options.without:
            rows += run_part(name, part)
            write_table(rows, options.out)  # after each part: the machine may be taken away
    print(options.out.read_text(), end="")


def make_parts(device: torch.device, *, small: bool) -> dict[str, Callable[[], Rows]]:
    mnist_dir = Settings().mnist_dir
    if small:
        return {
            "tests": run_gpu_tests,
            "speed": lambda: speed.measure(device, mnist_dir, images=160, batch_sizes=[64], rounds=1),
            "jobs": lambda: speed.measure_at_once(device, mnist_dir, images=160, counts=(2,)),
            "service": lambda: service.measure(device.type, mnist_dir, epochs=1, images=160, activations=["relu"]),
        }
    return {
        "tests": run_gpu_tests,
        "speed": lambda: speed.measure(device, mnist_dir, images=59_904, batch_sizes=[128, 1024], rounds=5),
        "jobs": lambda: speed.measure_at_once(device, mnist_dir, images=59_904, counts=speed.ALL_AT_ONCE),
        "service": lambda: service.measure(device.type, mnist_dir, epochs=2, images=60_000, activations=None),
    }


def run_gpu_tests() -> Rows:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/worker", "-p", "no:cacheprovider"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    print(process.stdout[-4000:], process.stderr[-2000:])
    return [("tests marked gpu", process.stdout.strip().rpartition("\n")[2])]


def run_part(name: str, part: Callable[[], Rows]) -> Rows:
    """Run a part; one that fails says so in the table, and the others still run."""
    began = perf_counter()
    try:
        rows = part()
    except Exception as error:  # noqa: BLE001  # a GPU is too rare to lose the rest
        traceback.print_exc()
        rows = [(name, f"FAILED: {type(error).__name__}")]
    return [*rows, (f"seconds for {name}", f"{perf_counter() - began:.0f}")]


def write_table(rows: Rows, out: Path) -> None:
    lines = [f"| {name} | {value} |" for name, value in rows]
    out.write_text("\n".join(["| what | measured |", "| --- | --- |", *lines, ""]))


if __name__ == "__main__":  # spawned processes import this module too
    main()
