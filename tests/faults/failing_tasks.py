"""The worker's tasks, in a process that kills itself once at the point that a file names for the job.

Nothing in the service knows of it: the points lie around the functions that the service calls anyway. Only a worker may
import this module, because it changes them for its whole process.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker import run, tasks
from worker.journal import Journal

present = {"job": "", "point": ""}


def reach(point: str) -> None:
    """Die here, the first time that this job comes here."""
    mark = Path(os.environ["FAULTS_FOLDER"]) / present["job"]
    if present["point"] == point and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def around(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **named: Any) -> Any:
        reach(f"before {name}")
        result = function(*arguments, **named)
        reach(f"after {name}")
        return result

    return wrapped


original_run, original_to_its_end = tasks.run, run.Run.to_its_end


def failing_run(job_id: str, runner: run.Runner) -> None:
    folder = Path(os.environ["FAULTS_FOLDER"])
    present["job"], present["point"] = job_id, (folder / f"{job_id}.point").read_text()
    reach("before claim")
    original_run(job_id, runner)


def failing_to_its_end(self: run.Run) -> None:
    reach("after claim")
    original_to_its_end(self)


tasks.run = failing_run
run.Run.to_its_end = failing_to_its_end  # type: ignore[method-assign]
Journal.write_all = around("epoch commit", Journal.write_all)  # type: ignore[method-assign]
run.Run.end = around("finish", run.Run.end)  # type: ignore[method-assign]
Path.replace = around("checkpoint rename", Path.replace)  # type: ignore[method-assign]
