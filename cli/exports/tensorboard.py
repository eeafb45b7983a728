"""A job as event files: `train`, `validation` and `test` are runs, whose curves are drawn over each other."""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tensorboardX import SummaryWriter

from cli.exports.record import Point, Record
from jobs.values import flatten, format_value
from storage.files import write_atomically

WRITTEN = "job.json"  # beside the event files: the job when they were written
VALIDATION = "val_"

logging.getLogger("tensorboardX.x2num").setLevel(logging.ERROR)  # it warns of each NaN, which it writes


def write(record: Record, output: Path) -> bool:
    """Write the part of the job that is not in the folder yet; False where all of it is. Raises OSError."""
    folder = output / f"{record.job['spec']['activation']}-{record.job['id']}"
    there = json.loads((folder / WRITTEN).read_text()) if (folder / WRITTEN).exists() else None
    if there and there["finished_at"]:
        return False
    done = there["progress"]["epoch"] if there else 0
    new = record.list_new(done)
    add_points(folder / "train", [point for point in new if not point.name.startswith(VALIDATION)])
    add_points(
        folder / "validation", [remove_prefix(VALIDATION, point) for point in new if point.name.startswith(VALIDATION)]
    )
    if record.job["finished_at"]:
        add_points(folder / "test", record.test)
        add_hyperparameters(record, folder)
    write_atomically(folder / WRITTEN, json.dumps(record.job, indent=2).encode())
    return True


def add_points(folder: Path, points: Sequence[Point]) -> None:
    if not points:
        return
    # a suffix: tensorboardX names a file by the second, and would overwrite a file of the same second
    with SummaryWriter(str(folder), filename_suffix=f".{points[-1].epoch}") as writer:
        for point in points:
            writer.add_scalar(point.name, point.value, point.epoch, walltime=point.at)


def remove_prefix(prefix: str, point: Point) -> Point:
    return replace(point, name=point.name.removeprefix(prefix))


def add_hyperparameters(record: Record, folder: Path) -> None:
    """Add the HPARAMS page: a session is a job, with the metrics of the test set and of the best epoch."""
    spec = {
        name: value if isinstance(value, bool | int | float | str) else format_value(value)
        for name, value in flatten(record.job["spec"])
    }
    best = {f"best_{name}": value for name, value in (record.job["best"] or {}).items() if name.startswith("val_")}
    test = {f"test_{point.name}": point.value for point in record.test}
    with SummaryWriter(str(folder)) as writer:
        writer.add_hparams(spec, {**best, **test}, name=".", global_step=record.epochs)  # into this folder itself
