"""Models of the answers about the article's published figures."""

from pydantic import Field

from api.http.out import Out
from api.http.samples import EXAMPLE_ID
from api.sweeps.models import EstimateOut, GridValues
from article.published import Metric, Verdict

NOT_READ = "null where it is not known."


class AfterHundredEpochs(Out):
    """Figures of the validation by the test set, in the published experiment of 100 epochs."""

    first_val_binary_accuracy: float = Field(description="After epoch 1.", examples=[0.9967])
    best_val_binary_accuracy: float = Field(description="The highest.", examples=[0.9987])
    best_epoch: int | None = Field(description=f"Its epoch; {NOT_READ}", examples=[28])
    last_ten_val_binary_accuracy: float | None = Field(
        description=f"Mean of the last ten; {NOT_READ}", examples=[0.9986]
    )
    lowest_val_loss: float = Field(description="The lowest.", examples=[0.0048])
    lowest_val_loss_epoch: int = Field(description="Its epoch.", examples=[9])
    final_val_loss: float = Field(description="After epoch 100.", examples=[0.0087])


class AfterOneEpoch(Out):
    """Figures of an earlier log of one epoch, without clipping."""

    ratio_to_relu: float = Field(description="Time of the epoch over relu's.", examples=[2.75])
    loss: float = Field(description="Training loss.", examples=[0.0397])
    binary_accuracy: float = Field(description="Training binary accuracy, 0 to 1.", examples=[0.9866])
    val_loss: float = Field(description="Validation loss.", examples=[0.0094])
    val_binary_accuracy: float = Field(description="Validation binary accuracy, 0 to 1.", examples=[0.9967])


class PublishedRun(Out):
    """One activation, one run. The curves have an element an epoch, 1 to 100; null where another curve lies on top."""

    activation: str = Field(description="The activation's name.", examples=["gelu"])
    after_100_epochs: AfterHundredEpochs = Field(description="The published experiment.")
    after_one_epoch: AfterOneEpoch = Field(description="The published log.")
    reading_error: dict[Metric, float] = Field(
        description="How far off a point of the curves may be.",
        examples=[{"val_binary_accuracy": 1e-4, "val_loss": 3e-4}],
    )
    val_binary_accuracy: list[float | None] = Field(description="By epoch, 0 to 1.", examples=[[0.996851, 0.997703]])
    val_loss: list[float | None] = Field(description="By epoch.", examples=[[0.009412, 0.006929]])


class PublishedRuns(Out):
    data: list[PublishedRun] = Field(description="In the article's order.")


class PublishedBeside(Out):
    """A published figure compared with ours."""

    activation: str = Field(description="The activation's name.", examples=["gelu"])
    values: GridValues = Field(examples=[{}])
    metric: Metric = Field(description="The figure's name.", examples=["val_loss"])
    epoch: int = Field(description="1-based.", examples=[1])
    published: float = Field(description="As read off the article's figure.", examples=[0.009412])
    reading_error: float = Field(description="How far off that may be.", examples=[0.0003])
    ours: EstimateOut = Field(description="Our figure, over the seeds that have recorded the epoch.")
    prediction: tuple[float, float] | None = Field(
        description="Where one more run of ours would lie in 95 of 100 cases; null with one seed.",
        examples=[[0.0083, 0.0107]],
    )
    verdict: Verdict = Field(
        description="agrees: the published run, within its reading error, could be one of ours; else ours are higher "
        "or lower; undecided with one seed. One in twenty differs by chance.",
        examples=["agrees"],
    )


class SweepBesidePublished(Out):
    sweep_id: str = Field(description="The sweep's id.", examples=[EXAMPLE_ID])
    departures: list[str] = Field(
        description="Where its jobs differ from the published experiment: dotted paths and values; none for "
        '`protocol: "article"` with the defaults.',
        examples=[["validation.kind holdout", "validation.fraction 0.2"]],
    )
    verdicts: dict[Verdict, int] = Field(
        description="The number of figures with each verdict.", examples=[{"agrees": 44, "ours_lower": 2}]
    )
    data: list[PublishedBeside] = Field(description="Every published figure of an epoch that a job has recorded.")
