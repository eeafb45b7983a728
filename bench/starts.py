"""Time until the service is ready, and until the demo shows something and ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from bench.contestants import run_up
from bench.figures import Figures
from stack.processes import die_with

FIRST_EPOCH = "epoch 1/"  # in a line of the demo's progress


def measure(figures: Figures, *, rounds: int, whole_demo: bool, demo: Sequence[str] = ()) -> None:
    figures.alternate({"up": time_up}, rounds=rounds)
    first_epoch, end = run_demo(demo, to_its_end=whole_demo)
    figures.samples["demo, first epoch"] = [first_epoch]
    if whole_demo:
        figures.samples["demo"] = [end]
    else:
        figures.reasons["demo"] = "it takes minutes"


def time_up() -> Iterator[float]:
    with TemporaryDirectory() as folder, run_up(Path(folder)) as up:
        yield up.seconds_to_ready


def run_demo(options: Sequence[str], *, to_its_end: bool) -> tuple[float, float]:
    """Seconds from the demo's start until its first epoch is shown, and until it has ended or was interrupted."""
    with TemporaryDirectory() as folder:
        began = monotonic()
        demo = subprocess.Popen(
            [sys.executable, "-u", "-m", "stack", "demo", "--output", folder, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=die_with(os.getpid()),  # noqa: PLW1509  # it only calls prctl
        )
        assert demo.stdout is not None
        while FIRST_EPOCH not in (line := demo.stdout.readline()):
            if not line:
                raise RuntimeError(f"the demo ended with status {demo.wait()} before its first epoch")
        first_epoch = monotonic() - began
        if not to_its_end:
            demo.send_signal(signal.SIGINT)
        demo.communicate()
        if to_its_end and demo.returncode:
            raise RuntimeError(f"the demo ended with status {demo.returncode}")
        return first_epoch, monotonic() - began
