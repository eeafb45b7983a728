"""A job for export, read over the HTTP API: every figure as it was recorded, NaN and infinities included."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cli.client import JSON, Client

NOT_FIGURES = frozenset({"epoch", "attempt", "layer", "recorded_at"})


@dataclass(frozen=True)
class Point:
    """A figure of an epoch; `at` is the Unix time in seconds."""

    name: str
    value: float
    epoch: int
    at: float


@dataclass(frozen=True)
class Record:
    """A job up to the epoch in its progress.

    `curves` are named as the history's fields, `layers` as `gradient_norm/conv1`; `test` is empty until it succeeded.
    """

    job: "JSON"
    curves: list[Point]
    layers: list[Point]
    test: list[Point]

    @property
    def epochs(self) -> int:
        return int(self.job["progress"]["epoch"])


def read_record(client: "Client", job_id: str) -> Record:
    """Raises ClientError. The job is read first, so that the history holds every epoch that it has reached."""
    job = client.get(job_id)
    reached = job["progress"]["epoch"]
    history = [row for row in client.read_history(job_id) if row["epoch"] <= reached]
    at = {row["epoch"]: parse_time(row["recorded_at"]) for row in history}
    rows = client.read(f"{client.make_path(job_id)}/layers", holding="layers")["layers"]
    ended = parse_time(job["finished_at"]) if job["finished_at"] else 0.0
    return Record(
        job=job,
        curves=[
            Point(name, value, row["epoch"], at[row["epoch"]]) for row in history for name, value in read_figures(row)
        ],
        layers=[
            Point(f"{name}/{row['layer']}", value, row["epoch"], at[row["epoch"]])
            for row in rows
            if row["epoch"] in at
            for name, value in read_figures(row)
        ],
        test=[Point(name, value, reached, ended) for name, value in read_figures(job["test"] or {})],
    )


def read_figures(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The figures of the row: a null is none, unless `non_finite` has its value."""
    marks = row.get("non_finite", {})
    for name, value in row.items():
        if f"/{name}" in marks:
            yield name, float(marks[f"/{name}"])
        elif name not in NOT_FIGURES and isinstance(value, int | float):
            yield name, value


def parse_time(at: str) -> float:
    """An RFC 3339 time as Unix seconds."""
    return datetime.fromisoformat(at).timestamp()
