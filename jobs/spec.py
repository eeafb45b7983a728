"""JobSpec: the request body, the stored JSON and the worker's input are this one model."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from activations import catalog
from activations.activation import Activation

Value = TypeVar("Value")

TRAINING_ARCHIVE_IMAGES = 60_000
ADAMW_DECAY = 0.004
"""Keras's."""
ARTICLE_EPOCHS = 100
NO_NUL = r"^[^\x00]*$"
"""A pattern for text that is stored or looked up: PostgreSQL cannot store NUL."""


def sort_by_key(mapping: Mapping[str, Value]) -> dict[str, Value]:
    """Sort the keys, so that their order does not depend on the database: JSONB has its own."""
    return dict(sorted(mapping.items()))


class SpecModel(BaseModel):
    # strict: "10" is not a number of epochs, and true is not a seed.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Optimizer(SpecModel):
    """Keras's defaults where the libraries differ: epsilon 1e-7, and rho 0.9 for rmsprop."""

    name: Literal["adam", "sgd", "adamw", "rmsprop"] = Field("adam", description="Which rule updates the weights.")
    learning_rate: float = Field(1e-3, gt=0, le=1000, description="Step size.", examples=[1e-3])
    momentum: float | None = Field(None, ge=0, lt=1, description="Only for sgd and rmsprop; null = 0.", examples=[0.9])
    weight_decay: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Decoupled for adamw (null = 0.004, as Keras), else an L2 term added to the gradient (null = 0).",
    )

    @model_validator(mode="after")
    def momentum_needs_an_optimizer_that_has_it(self) -> Self:
        if self.momentum is not None and self.name not in {"sgd", "rmsprop"}:
            raise make_field_error("/momentum", f"{self.name} has no momentum; sgd and rmsprop have")
        return self


class Clip(SpecModel):
    """Gradient clipping, tensor by tensor as Keras does it."""

    by: Literal["value", "norm"] = Field(
        "value", description="value: each element into +-threshold; norm: each tensor scaled down to that L2 norm."
    )
    threshold: float = Field(0.5, gt=0, le=1e6, description="The bound, in units of the gradient.")


class Dropout(SpecModel):
    """Fractions dropped in training; alpha dropout after a self-normalizing activation."""

    convolution: float = Field(0.25, ge=0, lt=1, description="After the convolutions and the pooling.")
    dense: float = Field(0.5, ge=0, lt=1, description="After the hidden dense layer.")


class Holdout(SpecModel):
    """The last fraction of the training archive validates, as Keras takes it; the same for every seed."""

    kind: Literal["holdout"] = "holdout"
    fraction: float = Field(0.2, ge=0.001, le=0.9, description="Fraction of the 60,000 training images.")


class OnTestSet(SpecModel):
    """All 60,000 images train; the test set validates after every epoch."""

    kind: Literal["test"] = "test"


Validation = Annotated[Holdout | OnTestSet, Field(discriminator="kind")]
MetadataKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
MetadataValue = Annotated[str, StringConstraints(max_length=500, pattern=NO_NUL)]
MAX_METADATA = 32
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA), AfterValidator(sort_by_key)]


Initializer = Literal["auto", "glorot_uniform", "lecun_normal", "he_normal", "torch_default"]


class ActivationSpec(SpecModel):
    """An activation of the catalog, with all its parameters."""

    activation: str = Field(description="A name of the catalog, see GET /v1/activations.", examples=["gelu"])
    parameters: dict[str, float | str] = Field(
        {}, description="As the activation allows; the catalog's defaults fill the rest.", examples=[{}]
    )

    @model_validator(mode="after")
    def parameters_are_complete_and_within_bounds(self) -> Self:
        try:
            complete = catalog.find(self.activation).complete(self.parameters)
        except catalog.UnknownActivation as error:
            raise make_field_error("/activation", str(error)) from error
        except catalog.InvalidParameter as error:
            raise make_field_error(f"/parameters/{error.parameter}", str(error)) from error
        object.__setattr__(self, "parameters", complete)  # the model is frozen
        return self


class Trainable(SpecModel):
    """Parameters of the activation that are learnt with the weights, from the job's `parameters` on.

    The bounds of a parameter are those of its first value alone.
    """

    parameters: list[str] = Field(
        min_length=1, description="Names of numeric parameters of the activation, each once.", examples=[["alpha"]]
    )
    per: Literal["layer", "channel", "network"] = Field(
        "layer",
        description="What has a value of its own: each layer that has an activation (conv1, conv2, dense1), each "
        "channel of such a layer and each unit of dense1 (as in PReLU), or the network.",
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Of these parameters, as the optimizer applies it; the optimizer's own is of the weights alone.",
    )

    @model_validator(mode="after")
    def each_parameter_is_named_once(self) -> Self:
        for index, name in enumerate(self.parameters):
            if name in self.parameters[:index]:
                raise make_field_error(f"/parameters/{index}", f"{name} is named twice")
        return self


class JobSpec(ActivationSpec):
    """One training of the article's MNIST CNN."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"activation": "gelu", "epochs": 5, "train_samples": 6000},
                {"activation": "sigmoid", "protocol": "article"},
                {
                    "activation": "leaky-relu",
                    "parameters": {"alpha": 0.1},
                    "optimizer": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9},
                    "clip": None,
                    "validation": {"kind": "holdout", "fraction": 0.1},
                    "metadata": {"note": "first try"},
                },
                {"activation": "elu", "trainable": {"parameters": ["alpha"], "per": "channel"}},
            ]
        }
    )

    trainable: Trainable | None = Field(
        None, description="Parameters of the activation that are learnt; null = all keep their values."
    )
    epochs: int = Field(10, ge=1, le=1000, description="Passes over the training images.")
    batch_size: int = Field(128, ge=1, le=8192, description="Images a step; the last batch of an epoch may be smaller.")
    optimizer: Optimizer = Field(Optimizer(), description="How the weights are updated.")
    clip: Clip | None = Field(Clip(), description="null = the gradients as they are.")
    loss: Literal["binary_crossentropy", "cross_entropy"] = Field(
        "binary_crossentropy", description="On the ten softmax outputs; binary_crossentropy is the article's."
    )
    dropout: Dropout = Field(Dropout(), description="What is dropped while training.")
    initializer: Initializer = Field(
        "auto", description="Of the weights; biases start at zero. auto = lecun_normal for selu, else glorot_uniform."
    )
    validation: Validation = Field(Holdout(), description="Which images validate after every epoch.")
    protocol: Literal["article"] | None = Field(
        None,
        description="article: the experiment as it was published, in place of `validation`: all 60,000 images train, "
        "the test set validates, 100 epochs unless `epochs` says otherwise.",
    )
    train_samples: int | None = Field(
        None, ge=128, le=TRAINING_ARCHIVE_IMAGES, description="Train on the first n images only; null = all."
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Decides initial weights, data order and dropout.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16 = autocast over float32 parameters, softmax and loss in float32."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto = cuda where there is one, else cpu.")
    diagnostics: bool = Field(default=True, description="Measure each layer on a fixed probe batch after every epoch.")
    checkpoint_every: int = Field(1, ge=1, le=1000, description="Epochs between checkpoints.")
    metadata: Metadata = Field(
        {},
        description="Your own words, to find the job again, sorted by key; `name` and `note` are shown wherever the "
        "job is. At most 8,000 bytes of UTF-8 in all, and 512,000 for all jobs of a sweep together.",
        examples=[{"note": "first try"}],
    )

    @model_validator(mode="before")
    @classmethod
    def a_validation_without_a_kind_is_a_holdout(cls, given: Any) -> Any:  # noqa: ANN401  # whatever a client sent
        validation = given.get("validation") if isinstance(given, Mapping) else None
        if not isinstance(validation, Mapping) or "kind" in validation:
            return given
        return {**given, "validation": {"kind": "holdout", **validation}}

    @model_validator(mode="before")
    @classmethod
    def article_protocol_fills_in_its_own(cls, given: Any) -> Any:  # noqa: ANN401  # whatever a client sent
        if not isinstance(given, Mapping) or given.get("protocol") != "article":
            return given
        if given.get("validation", {"kind": "test"}) != {"kind": "test"}:
            raise make_field_error(
                "/validation", 'protocol "article" validates on the test set; leave `validation` out'
            )
        return {"epochs": ARTICLE_EPOCHS, **given, "validation": {"kind": "test"}}

    @model_validator(mode="after")
    def trainable_parameters_are_numbers(self) -> Self:
        if self.trainable is not None:
            refuse_untrainable(self.trainable, catalog.find(self.activation))
        return self

    @model_validator(mode="after")
    def train_samples_exist(self) -> Self:
        available = self.images_left_for_training
        if self.train_samples is not None and self.train_samples > available:
            raise make_field_error("/train_samples", f"the validation split leaves {available} images for training")
        return self

    def resolve(self) -> dict[str, Any]:
        """Resolve the fields in which null or `auto` stands for another value."""
        momentum = 0.0 if self.optimizer.momentum is None else self.optimizer.momentum
        decay = ADAMW_DECAY if self.optimizer.name == "adamw" else 0.0
        decay = decay if self.optimizer.weight_decay is None else self.optimizer.weight_decay
        return {
            "optimizer": self.optimizer.model_copy(update={"momentum": momentum, "weight_decay": decay}),
            "initializer": self.drawn_by,
            "train_samples": self.train_samples or self.images_left_for_training,
        }

    @property
    def drawn_by(self) -> str:
        """The initializer that draws the weights."""
        return resolve_initializer(self.initializer, self.activation)

    @property
    def images_left_for_training(self) -> int:
        """The training archive without the holdout, split as Keras does: floor(n * (1 - fraction))."""
        if isinstance(self.validation, OnTestSet):
            return TRAINING_ARCHIVE_IMAGES
        return int(TRAINING_ARCHIVE_IMAGES * (1 - self.validation.fraction))


def refuse_untrainable(trainable: Trainable, activation: Activation) -> None:
    """Refuse parameters that the activation does not have, or that are no numbers.

    Raises:
        PydanticCustomError: with the pointer of the first of them, in a JobSpec.
    """
    known = {parameter.name: parameter for parameter in activation.parameters}
    for index, name in enumerate(trainable.parameters):
        if name not in known:
            raise make_field_error(f"/trainable/parameters/{index}", activation.unknown_parameter(name))
        if known[name].choices:
            raise make_field_error(f"/trainable/parameters/{index}", f"{name} is a choice and no number to be learnt")


def resolve_initializer(initializer: Initializer, activation: str) -> str:
    """Resolve `auto`, which depends on the activation."""
    if initializer != "auto":
        return initializer
    return "lecun_normal" if catalog.find(activation).self_normalizing else "glorot_uniform"


def make_field_error(pointer: str, message: str) -> PydanticCustomError:
    """Make an error of a model validator that names the field of the model it concerns, by a JSON pointer."""
    return PydanticCustomError("invalid_value", "{message}", {"pointer": pointer, "message": message})
