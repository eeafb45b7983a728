"""The worker's tasks, in a process that kills itself at the point that a file names for the job.

The file holds a point, such as "after claim", or a trouble and a point: "full disk, after epoch commit". Nothing in the
service knows of it: the points lie around the functions that the service calls anyway. Only a worker may import this
module, because it changes them for its whole process.
"""

import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker import tasks
from worker.attempt import Attempt
from worker.journal import Journal
from worker.trainer import Trainer

FOLDER = Path(os.environ["FAULTS_FOLDER"])
LESS_THAN_A_CHECKPOINT_BYTES = 8_000_000
present = {"job": "", "trouble": "", "point": ""}


def reach(point: str) -> None:
    """Die here: the first time that this job comes here, or every time."""
    if present["point"] != point or spent():
        return
    if present["trouble"] != "always":
        mark().touch()
    if present["trouble"] == "truncated checkpoint":
        for checkpoint in (FOLDER.parent / "checkpoints" / present["job"]).glob("*.safetensors"):
            os.truncate(checkpoint, 1000)
    os.kill(os.getpid(), signal.SIGKILL)


def mark() -> Path:
    return FOLDER / present["job"]


def spent() -> bool:
    return mark().exists()


def around(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **named: Any) -> Any:
        reach(f"before {name}")
        result = function(*arguments, **named)
        reach(f"after {name}")
        return result

    return wrapped


original_work_on, original_execute = tasks.work_on, Attempt.execute


def failing_work_on(job_id: str, trainer: Trainer, **traced: Any) -> None:
    trouble, _, point = (FOLDER / f"{job_id}.point").read_text().rpartition(", ")
    present.update(job=job_id, trouble=trouble, point=point)
    if trouble == "full disk" and not spent():
        resource.setrlimit(resource.RLIMIT_FSIZE, (LESS_THAN_A_CHECKPOINT_BYTES, resource.RLIM_INFINITY))
    reach("before claim")
    original_work_on(job_id, trainer, **traced)


def failing_execute(self: Attempt) -> None:
    reach("after claim")
    original_execute(self)


tasks.work_on = failing_work_on
Attempt.execute = failing_execute  # type: ignore[method-assign]
Journal.write_all = around("epoch commit", Journal.write_all)  # type: ignore[method-assign]
Attempt.finish = around("finish", Attempt.finish)  # type: ignore[method-assign]
Path.replace = around("checkpoint rename", Path.replace)  # type: ignore[method-assign]
