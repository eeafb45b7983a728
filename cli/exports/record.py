"""A job for export, read over the HTTP API: every figure as it was recorded, NaN and infinities included."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cli.client import JSON, Client

NOT_FIGURES = frozenset({"epoch", "attempt", "layer", "parameter", "recorded_at"})


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

    `curves` are named as the history's fields, `layers` as `gradient_norm/conv1`, `parameters` as
    `learnt/alpha/conv1/mean`; `test` is empty until it succeeded.
    """

    job: "JSON"
    curves: list[Point]
    layers: list[Point]
    parameters: list[Point]
    test: list[Point]

    @property
    def epochs(self) -> int:
        return int(self.job["progress"]["epoch"])

    def list_new(self, done: int) -> list[Point]:
        """List the points of the epochs after those that are done; the start comes with the first epoch."""
        points = (*self.curves, *self.layers, *self.parameters)
        return [point for point in points if max(point.epoch, 1) > done]


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
        parameters=read_parameters(client, job, at),
        test=[Point(name, value, reached, ended) for name, value in read_figures(job["test"] or {})],
    )


def learns(job: "JSON") -> bool:
    """Whether parameters of its activation learn; a service of an older version has none that do."""
    return job["spec"].get("trainable") is not None


def read_parameters(client: "Client", job: "JSON", at: Mapping[int, float]) -> list[Point]:
    """The values of learnt parameters, with the start as soon as there is an epoch."""
    if not at or not learns(job):
        return []
    times = {0: parse_time(job["started_at"]), **at}
    rows = client.read(f"{client.make_path(job['id'])}/parameters", holding="parameters")["parameters"]
    return [
        Point(f"learnt/{row['parameter']}/{row['layer']}/{name}", value, row["epoch"], times[row["epoch"]])
        for row in rows
        if row["epoch"] in times
        for name, value in read_figures(row)
    ]


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
