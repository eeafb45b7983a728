"""Figures that training measures: a table each of an epoch's, a layer's and a learnt parameter's, and the values.

Files, OpenAPI, drawings, the command line's tables and the page derive from the tables. Where the fields are written
out, for readers and type checkers (the dataclasses here, db.models, api.jobs), tests/test_figures.py compares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure: a field of every history, a column of every file."""

    name: str
    value_type: type[int | float | str | datetime] = float
    title: str
    """For people."""
    description: str
    """For OpenAPI."""
    example: float | str | datetime
    unit: str = ""
    percent: bool = False
    """Whether it is a share, 0 to 1, that people are shown as a percentage."""
    stage: Literal["training", "validation"] | None = None
    axis: str = ""
    """Of a chart, without stage and unit; its title where this is empty."""
    log: bool = False
    """Whether a chart's axis is logarithmic."""
    lower_is_better: bool | None = None
    """None where neither is."""
    finite: bool = True
    """Whether it is never NaN or infinite."""
    optional: bool = False
    """Whether it is null where it has no meaning, or in an epoch that was trained before it was measured."""
    plotted: bool = False
    """Whether it is drawn by epoch."""
    mapped: bool = False
    """Whether the page has a heat map of it, layer by layer."""
    listed: bool = True
    """Whether the command line's tables have it; every file has."""
    repeatable: bool = True
    """Whether it is the same to the last bit when the job is repeated in its environment."""
    stored: bool = False
    """Whether it is known when the epoch is stored, and not in training."""


def by_name(*figures: Figure) -> Mapping[str, Figure]:
    return {figure.name: figure for figure in figures}


loss = partial(Figure, unit="nats", axis="loss", log=True, lower_is_better=True, plotted=True)
accuracy = partial(Figure, percent=True, axis="images whose digit is right", lower_is_better=False, plotted=True)
binary_accuracy = partial(accuracy, axis="outputs right")

EPOCH_FIGURES = by_name(
    Figure(name="epoch", value_type=int, title="Epoch", description="1-based.", example=3),
    Figure(
        name="attempt",
        value_type=int,
        title="Attempt",
        description="The attempt that trained it; rises when a worker is lost.",
        example=1,
        listed=False,
        repeatable=False,
        stored=True,
    ),
    loss(
        name="loss",
        title="Training loss",
        description="Training loss, mean over the epoch's batches.",
        example=0.0403,
        stage="training",
    ),
    accuracy(
        name="accuracy",
        title="Training accuracy",
        description="Training images whose digit was right, 0 to 1.",
        example=0.932,
        stage="training",
    ),
    binary_accuracy(
        name="binary_accuracy",
        title="Training binary accuracy",
        description="Of the ten softmax outputs, those on the right side of 0.5, 0 to 1: the article's accuracy.",
        example=0.986,
        stage="training",
    ),
    loss(
        name="val_loss",
        title="Validation loss",
        description="Validation loss at the epoch's end.",
        example=0.0097,
        stage="validation",
    ),
    accuracy(
        name="val_accuracy",
        title="Validation accuracy",
        description="Validation accuracy, 0 to 1.",
        example=0.982,
        stage="validation",
    ),
    binary_accuracy(
        name="val_binary_accuracy",
        title="Validation binary accuracy",
        description="Validation binary accuracy, 0 to 1.",
        example=0.9965,
        stage="validation",
    ),
    Figure(
        name="learning_rate",
        title="Learning rate",
        description="The optimizer's step size in this epoch.",
        example=0.001,
        listed=False,
    ),
    Figure(
        name="epoch_seconds",
        title="Time of an epoch",
        description="Seconds for training and validation.",
        example=31.4,
        unit="s",
        lower_is_better=True,
        plotted=True,
        repeatable=False,
    ),
    Figure(
        name="images_per_second",
        title="Training speed",
        description="Training images a second, validation left out.",
        example=1690.0,
        unit="images/s",
        lower_is_better=False,
        plotted=True,
        listed=False,
        repeatable=False,
    ),
    Figure(
        name="recorded_at",
        value_type=datetime,
        title="Recorded",
        description="When the epoch was stored, UTC.",
        example=datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        listed=False,
        repeatable=False,
        stored=True,
    ),
)
"""In the order of the columns of files."""

share = partial(Figure, percent=True, plotted=True)

LAYER_FIGURES = by_name(
    Figure(name="epoch", value_type=int, title="Epoch", description="1-based.", example=1),
    Figure(
        name="layer",
        value_type=str,
        title="Layer",
        description="Which layer, from the input to the output.",
        example="conv1",
    ),
    Figure(
        name="gradient_norm",
        title="Gradient norm",
        description="L2 norm of the gradient of its weights.",
        example=0.12,
        axis="L2 norm of the gradient",
        log=True,
        finite=False,
        plotted=True,
        mapped=True,
    ),
    Figure(
        name="update_ratio",
        title="Update over weights",
        description="L2 norm of the last update over the weights'.",
        example=0.001,
        axis="norm of update over weights'",
        log=True,
        finite=False,
        plotted=True,
        mapped=True,
    ),
    Figure(
        name="activation_mean",
        title="Mean of the outputs",
        description="Mean of its outputs.",
        example=0.21,
        finite=False,
        optional=True,
        plotted=True,
        mapped=True,
    ),
    Figure(
        name="activation_variance",
        title="Variance of the outputs",
        description="Variance of its outputs.",
        example=0.18,
        log=True,
        finite=False,
        optional=True,
        plotted=True,
        mapped=True,
    ),
    share(
        name="zero_fraction",
        title="Outputs that are 0",
        description="Outputs that are exactly 0, 0 to 1.",
        example=0.41,
        optional=True,
    ),
    share(
        name="dead_fraction",
        title="Dead units",
        description="Units with no gradient for any image, 0 to 1.",
        example=0.0,
        axis="units without a gradient",
        optional=True,
        mapped=True,
    ),
    share(
        name="saturated_fraction",
        title="Saturated outputs",
        description="Outputs with almost no slope, 0 to 1.",
        example=0.02,
        axis="outputs with hardly a slope",
        optional=True,
        mapped=True,
    ),
    share(
        name="clipped_fraction",
        title="Clipped gradients",
        description="Gradient elements that clipping changed.",
        example=0.0,
        axis="gradient elements clipped",
    ),
)
"""In the order of the columns of files."""

of_values = partial(Figure, finite=False)

PARAMETER_FIGURES = by_name(
    Figure(name="epoch", value_type=int, title="Epoch", description="1-based; 0 = before the first epoch.", example=3),
    Figure(
        name="layer",
        value_type=str,
        title="Layer",
        description="The layer that has these values; all = they are the whole network's.",
        example="conv1",
    ),
    Figure(name="parameter", value_type=str, title="Parameter", description="The parameter's name.", example="alpha"),
    of_values(name="mean", title="Mean", description="Mean of its values in this layer.", example=0.24, plotted=True),
    of_values(name="minimum", title="Minimum", description="The least of them.", example=0.11),
    of_values(name="maximum", title="Maximum", description="The greatest of them.", example=0.37),
)
"""In the order of the columns of files. The values are one, or one for each channel of the layer."""


ALWAYS_MEASURED = frozenset(
    name
    for name, figure in {**LAYER_FIGURES, **PARAMETER_FIGURES}.items()
    if figure.value_type is float and not figure.optional
)
"""The figures that every layer and every learnt parameter has, and that may be NaN."""


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """One epoch of training; its training figures are running means over the epoch's batches."""

    epoch: int
    loss: float
    accuracy: float
    binary_accuracy: float
    val_loss: float
    val_accuracy: float
    val_binary_accuracy: float
    learning_rate: float
    epoch_seconds: float
    images_per_second: float


@dataclass(frozen=True, slots=True)
class LayerMetrics:
    """One layer after one epoch, measured on a fixed probe batch."""

    epoch: int
    layer: str
    gradient_norm: float
    update_ratio: float
    activation_mean: float | None
    activation_variance: float | None
    zero_fraction: float | None
    dead_fraction: float | None
    saturated_fraction: float | None
    clipped_fraction: float


@dataclass(frozen=True, slots=True)
class ParameterMetrics:
    """A learnt parameter of one layer (`all`: of the network) after one epoch; epoch 0 is the start."""

    epoch: int
    layer: str
    parameter: str
    mean: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model on a whole set of images, without dropout."""

    loss: float
    accuracy: float
    binary_accuracy: float


@dataclass(frozen=True, slots=True)
class Environment:
    """The machine and the versions that trained a job: a repetition on equal ones is equal bit for bit."""

    device: str
    torch: str
    python: str
    threads: int
    code_version: str
    data_sha256: str
