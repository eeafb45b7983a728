"""Models of a job as clients see it; api.jobs.documents makes the answers."""

from typing import Annotated

from pydantic import AfterValidator, Field

from api.http.numbers import NonFinite
from api.http.out import Out
from api.http.paging import NextCursor
from api.http.samples import EXAMPLE_ID
from api.http.times import Time
from api.jobs.figures import EPOCH_FIELDS
from jobs import diagnosis
from jobs.spec import JobSpec, sort_by_key
from jobs.state import JobState


class Progress(Out):
    epoch: int = Field(description="Epochs recorded.", examples=[3])
    epochs: int = Field(description="Epochs in all.", examples=[10])
    fraction: float = Field(
        description="epoch / epochs, and the part of a slow epoch that is over; 0 to 1.", examples=[0.37]
    )


class JobProgress(Progress):
    """How far a job is; the images are those of the epoch in training, after the recorded ones."""

    images: int | None = Field(
        description="Training images of the current epoch done so far, all of them while it is validated; "
        "null unless an epoch takes longer than 2 s and has lasted as long.",
        examples=[33_600],
    )
    images_total: int | None = Field(description="Training images of an epoch; null with `images`.", examples=[48_000])
    images_per_second: float | None = Field(
        description="Training images per second in the current epoch; null with `images`.", examples=[651.3]
    )


class Best(Out):
    """The epoch with the lowest validation loss."""

    epoch: int = Field(description="The epoch's number.", examples=[3])
    val_loss: float = Field(description="Its validation loss.", examples=[0.0097])
    val_accuracy: float = Field(description="Its validation accuracy, 0 to 1.", examples=[0.989])


class EpochOut(Out):
    epoch: Annotated[int, EPOCH_FIELDS["epoch"]]
    attempt: Annotated[int, EPOCH_FIELDS["attempt"]]
    loss: Annotated[float, EPOCH_FIELDS["loss"]]
    accuracy: Annotated[float, EPOCH_FIELDS["accuracy"]]
    binary_accuracy: Annotated[float, EPOCH_FIELDS["binary_accuracy"]]
    val_loss: Annotated[float, EPOCH_FIELDS["val_loss"]]
    val_accuracy: Annotated[float, EPOCH_FIELDS["val_accuracy"]]
    val_binary_accuracy: Annotated[float, EPOCH_FIELDS["val_binary_accuracy"]]
    learning_rate: Annotated[float, EPOCH_FIELDS["learning_rate"]]
    epoch_seconds: Annotated[float, EPOCH_FIELDS["epoch_seconds"]]
    images_per_second: Annotated[float, EPOCH_FIELDS["images_per_second"]]
    recorded_at: Annotated[Time, EPOCH_FIELDS["recorded_at"]]


class TestOut(Out):
    __test__ = False  # not a test class

    loss: float = Field(description="Loss on the 10,000 test images.", examples=[0.0071])
    accuracy: float = Field(description="Test accuracy, 0 to 1.", examples=[0.991])
    binary_accuracy: float = Field(description="Test binary accuracy, 0 to 1.", examples=[0.9982])


class ErrorOut(Out):
    code: str = Field(description="The reason of the failure, for programs.", examples=["diverged"])
    message: str = Field(
        description="The reason of the failure, for people.", examples=["the loss became nan in epoch 2"]
    )


class EnvironmentOut(Out):
    """The environment of the training: the same spec in the same environment gives the same history, bit for bit."""

    device: str = Field(description="The device's name.", examples=["cpu"])
    torch: str = Field(description="Version of torch.", examples=["2.14.1"])
    python: str = Field(description="Version of Python.", examples=["3.11.7"])
    threads: int = Field(description="CPU threads.", examples=[2])
    code_version: str = Field(description="Version of Activation Lab.", examples=["0.1.0"])
    data_sha256: str = Field(description="Digest of the images and labels.", examples=["5f1c97d2…"])


class Transition(Out):
    state: JobState = Field(description="The new state.", examples=["running"])
    at: Time = Field(description="The time of the transition, UTC.")
    reason: str = Field(description="The reason, for people.", examples=["claimed by worker-1f2e3d4c@gpu-1/4242"])


class DiagnosisOut(Out):
    """A problem that the training has, or had; docs/diagnoses.md explains each code and threshold."""

    code: diagnosis.Code = Field(description="The kind of problem.", examples=["dead_units"])
    layer: str | None = Field(description="The layer; null = the network as a whole.", examples=["conv2"])
    epoch: int = Field(description="The epoch after which it was found.", examples=[2])
    until_epoch: int | None = Field(
        description="The last epoch after which it held; null while it holds.", examples=[None]
    )
    message: str = Field(
        description="The same, for people.",
        examples=["dead units in conv2: 97% get no gradient from any image"],
    )
    evidence: Annotated[dict[str, float | None], AfterValidator(sort_by_key)] = Field(
        description="The figures that show it; null is not finite, see `non_finite`.",
        examples=[{"dead_fraction": 0.97}],
    )
    thresholds: Annotated[dict[str, float], AfterValidator(sort_by_key)] = Field(
        description="The thresholds they were compared with.", examples=[{"dead_fraction": 0.25}]
    )
    non_finite: NonFinite = Field(
        None,
        description="What each null in the evidence stands for, by JSON pointer; null where every figure is finite.",
        examples=[None],
    )


class Links(Out):
    self: str = Field(description="This job.", examples=["/v1/jobs/0193…"])
    history: str = Field(description="Its epochs.", examples=["/v1/jobs/0193…/history"])
    layers: str = Field(description="Its layer metrics.", examples=["/v1/jobs/0193…/layers"])
    parameters: str = Field(description="Its learnt parameters, if it has any.", examples=["/v1/jobs/0193…/parameters"])
    checkpoints: str = Field(description="Its checkpoints.", examples=["/v1/jobs/0193…/checkpoints"])
    stream: str = Field(description="Its events, live.", examples=["/v1/jobs/0193…/stream"])
    predict: str = Field(description="POST an image here.", examples=["/v1/jobs/0193…/predict"])
    cancel: str = Field(description="POST here to cancel it.", examples=["/v1/jobs/0193…/cancel"])
    retry: str = Field(description="POST here to run it again.", examples=["/v1/jobs/0193…/retry"])


class JobOut(Out):
    """A training job as it is now."""

    id: str = Field(description="UUIDv7: sorts by creation.", examples=[EXAMPLE_ID])
    state: JobState = Field(
        description="queued, running, or one of the final succeeded, failed, cancelled.", examples=["running"]
    )
    spec: JobSpec = Field(description="The settings of the request, with all defaults filled in.")
    sweep_id: str | None = Field(description="The sweep it belongs to.", examples=[None])
    attempt: int = Field(description="The number of times that a worker has claimed it.", examples=[1])
    retry_of: str | None = Field(description="The job it repeats.", examples=[None])
    owner: str | None = Field(
        description="The owner of the API key that it came with; null where the service needed none.", examples=[None]
    )
    created_at: Time = Field(description="When it was accepted, UTC.")
    started_at: Time | None = Field(description="When a worker first claimed it, UTC.")
    finished_at: Time | None = Field(description="When it ended, UTC.", examples=[None])
    progress: JobProgress = Field(description="The epochs trained so far.")
    eta_seconds: float | None = Field(
        description="Seconds its epochs still need; null before the first has ended, or has lasted 2 s.",
        examples=[219.8],
    )
    queue_position: int | None = Field(description="1 = next; null unless queued.", examples=[None])
    best: Best | None = Field(description="The epoch with the lowest validation loss; null before the first.")
    latest: EpochOut | None = Field(description="The last epoch; null before the first.")
    diagnoses: tuple[DiagnosisOut, ...] = Field(
        description="The problems found so far, the latest of each code and layer; empty for a healthy training.",
        examples=[[]],
    )
    test: TestOut | None = Field(description="The test set, once the job has succeeded.", examples=[None])
    error: ErrorOut | None = Field(description="The reason of its failure; null unless it failed.", examples=[None])
    cancel_requested_at: Time | None = Field(description="When a client asked to cancel it, UTC.", examples=[None])
    environment: EnvironmentOut | None = Field(description="The environment of the training; null before it starts.")
    transitions: tuple[Transition, ...] = Field(description="Its states so far, oldest first.")
    links: Links = Field(description="The URLs of what belongs to it.")


class JobPage(Out):
    data: list[JobOut] = Field(description="The jobs of this page.")
    next_cursor: NextCursor
    total: int = Field(description="The number of jobs that match the filters, on all pages together.", examples=[1])
