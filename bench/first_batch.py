"""The worker's tasks, with a note of the time at which each job's first batch begins."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery.signals import worker_process_init


@worker_process_init.connect(weak=False)
def note_first_batches(**_: Any) -> None:
    """Connected before worker.tasks is imported, so it comes before the warm-up that looks `prepare` up."""
    from worker import prepare as module  # torch is for the child alone

    original = module.prepare

    def noting(mnist_dir: Path, spec: Any, between_batches: Callable[[], None]) -> Any:
        return original(mnist_dir, spec, noted_once(spec.metadata["number"], between_batches))

    module.prepare = noting


def noted_once(number: str, between_batches: Callable[[], None]) -> Callable[[], None]:
    path = Path(os.environ["BENCH_FOLDER"]) / number

    def check() -> None:
        if not path.exists():
            path.write_text(repr(time.time()))
        between_batches()

    return check


import worker.tasks  # noqa: E402, F401  # registers the task itself
