"""Models of the answers about sweeps."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, JsonValue

from api.http.out import Out
from api.http.paging import NextCursor
from api.http.samples import EXAMPLE_ID
from api.http.times import Time
from api.jobs.models import Progress
from jobs.state import JobState
from jobs.sweep import SweepSpec

GridValues = Annotated[
    dict[str, JsonValue],
    Field(description="The grid's fields and their values here.", examples=[{"optimizer.learning_rate": 0.001}]),
]


class JobCounts(Out):
    """Jobs by state; a deleted one is no longer counted."""

    total: int = Field(description="All jobs.", examples=[6])
    queued: int = Field(0, description="Jobs that wait for a worker.", examples=[2])
    running: int = Field(0, description="Jobs in training.", examples=[1])
    succeeded: int = Field(0, description="Jobs that ended with all their epochs.", examples=[3])
    failed: int = Field(0, description="Jobs that ended by an error.", examples=[0])
    cancelled: int = Field(0, description="Jobs that a client cancelled.", examples=[0])

    @classmethod
    def of(cls, states: Sequence[JobState]) -> Self:
        return cls(total=len(states), **{state.value: states.count(state) for state in JobState})


class EstimateOut(Out):
    """An estimate over the seeds of a configuration."""

    mean: float | None = Field(description="Their mean.", examples=[0.9871])
    interval: tuple[float | None, float | None] | None = Field(
        description="95 % confidence interval of the mean, by Student's t; null with one seed.",
        examples=[[0.9858, 0.9884]],
    )
    n: int = Field(description="How many seeds are in it.", examples=[3])


class ValidationFigures(Out):
    val_loss: EstimateOut | None = Field(description="Validation loss.")
    val_accuracy: EstimateOut | None = Field(description="Validation accuracy, 0 to 1.")
    val_binary_accuracy: EstimateOut | None = Field(description="Validation binary accuracy, 0 to 1.")


class TestFigures(Out):
    __test__ = False  # not a test class

    loss: EstimateOut | None = Field(description="Loss on the 10,000 test images.")
    accuracy: EstimateOut | None = Field(description="Test accuracy, 0 to 1.")
    binary_accuracy: EstimateOut | None = Field(description="Test binary accuracy, 0 to 1.")


class ConfigurationOut(Out):
    """A row of the table: an activation at a point of the grid, over its seeds."""

    activation: str = Field(description="Which activation.", examples=["gelu"])
    values: GridValues
    jobs: JobCounts = Field(description="Its jobs, one a seed.")
    variant: int = Field(
        description="How many configurations of the same activation come before it in the sweep: a drawing gives each "
        "a dash and a marker of its own.",
        examples=[0],
    )
    job_ids: tuple[str, ...] = Field(description="In the order of `seeds`.", examples=[["0193b5c2-…"]])
    final: ValidationFigures = Field(description="After the last epoch, of the jobs that succeeded.")
    best: ValidationFigures = Field(
        description="The lowest loss and the highest accuracies of each job with an epoch, whatever its state, each "
        "over all its epochs so far: chosen by hindsight, so a little better than the model is."
    )
    test: TestFigures = Field(description="On the test set, which no choice was made by.")
    epoch_seconds: EstimateOut | None = Field(description="Seconds for training and validation, mean over epochs.")
    ratio_to_relu: float | None = Field(
        description="Mean epoch_seconds over relu's at the same point of the grid; null without one. "
        "It compares only jobs that ran alike, on one kind of device.",
        examples=[1.07],
    )


class BestFigure(Out):
    """The best figure of all epochs of all jobs, in whatever state the job is."""

    value: float = Field(description="The figure.", examples=[0.9871])
    job_id: str = Field(description="The job's id.", examples=[EXAMPLE_ID])
    activation: str = Field(description="The job's activation.", examples=["gelu"])
    seed: int = Field(description="The job's seed.", examples=[0])
    values: GridValues


class BestFigures(Out):
    """The best figures; each is null before the first epoch. Figures that are not finite are left out."""

    val_loss: BestFigure | None = Field(description="The lowest validation loss.")
    val_accuracy: BestFigure | None = Field(description="The highest validation accuracy, 0 to 1.")
    val_binary_accuracy: BestFigure | None = Field(description="The highest validation binary accuracy, 0 to 1.")


class SweepLinks(Out):
    self: str = Field(description="This sweep.", examples=["/v1/sweeps/0193…"])
    jobs: str = Field(description="Its jobs, page by page.", examples=["/v1/jobs?sweep_id=0193…"])
    history: str = Field(description="Every epoch of every job.", examples=["/v1/sweeps/0193…/history"])
    stream: str = Field(description="The events of its jobs, live.", examples=["/v1/sweeps/0193…/stream"])
    means: str = Field(description="Its curves, thinned.", examples=["/v1/sweeps/0193…/means"])
    plot: str = Field(description="Its curves, drawn.", examples=["/v1/sweeps/0193…/plot.svg"])
    cancel: str = Field(description="POST here to cancel it.", examples=["/v1/sweeps/0193…/cancel"])


class SweepOut(Out):
    """A sweep, as its jobs stand now."""

    id: str = Field(description="UUIDv7: sorts by creation.", examples=[EXAMPLE_ID])
    state: JobState = Field(
        description="queued while no job has started, running while one has not ended; then failed if any failed, else "
        "cancelled if any was, else succeeded.",
        examples=["running"],
    )
    spec: SweepSpec = Field(description="The sweep as it was submitted.")
    owner: str | None = Field(
        description="The owner of the API key that it came with; null where the service needed none.", examples=[None]
    )
    created_at: Time = Field(description="When it was accepted, with all of its jobs, UTC.")
    started_at: Time | None = Field(description="When a worker claimed the first job, UTC.")
    finished_at: Time | None = Field(description="When the last job ended, UTC.", examples=[None])
    jobs: JobCounts = Field(description="The sweep's jobs by state.")
    progress: Progress = Field(description="Epochs of all jobs together.")
    eta_seconds: float | None = Field(
        description="Seconds until the last job ends, if as many train at once as do now; null before the first epoch "
        "and after the end.",
        examples=[412.0],
    )
    links: SweepLinks = Field(description="Related resources.")


class SweepPage(Out):
    data: list[SweepOut] = Field(description="The sweeps of this page, newest first.")
    next_cursor: NextCursor


class SweepDetail(SweepOut):
    """A sweep with its table."""

    best: BestFigures = Field(description="The best figures so far, of running, failed and cancelled jobs too.")
    configurations: tuple[ConfigurationOut, ...] = Field(description="The table, a row a configuration.")
