"""JobSpec: the request body, the stored JSON and the worker's input are this one model."""

import functools
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from activations import catalog, custom
from activations.activation import Activation, Parameter, complete_parameters, describe_unknown_parameter
from activations.custom import Definition
from activations.formula.formula import Formula
from activations.formula.language import InvalidFormula, explain_parameter
from activations.formula.tree import names
from jobs.pointers import to_pointer

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
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
MAX_METADATA = 32
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA), AfterValidator(sort_by_key)]


Initializer = Literal["auto", "glorot_uniform", "lecun_normal", "he_normal", "torch_default"]


CUSTOM_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
"""Of an activation that a client defined."""
MAX_PARAMETERS = 8
"""Of a formula, and more than any activation of the catalog has."""
FormulaText = Annotated[str, Field(json_schema_extra={"format": "formula"})]


class InvalidSpec(ValueError):
    """A request is invalid for a reason that its model cannot know; `refusals` has the messages by JSON pointer."""

    def __init__(self, refusals: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{pointer}: {message}" for pointer, message in refusals.items()))
        self.refusals = refusals


class ActivationSpec(SpecModel):
    """An activation with all its parameters: of the catalog, or of one's own with its formula.

    A request may name a stored activation without its formula; `add_formula` adds it, before anything uses the spec.
    """

    activation: str = Field(description="A name of GET /v1/activations.", examples=["gelu"])
    formula: FormulaText | None = Field(
        None,
        description="The formula of an activation of your own, whose parameters are all in `parameters`; null for one "
        "of the catalog. A request may leave it out: then it is the one that is stored under this name.",
        examples=[None],
    )
    parameters: dict[str, float | str] = Field(
        {}, description="As the activation allows; its defaults fill the rest.", examples=[{}]
    )

    @model_validator(mode="after")
    def the_activation_is_complete(self) -> Self:
        if self.activation in catalog.ACTIVATIONS:
            self.complete_parameters()
        elif not CUSTOM_NAME.fullmatch(self.activation):
            raise make_field_error("/activation", str(catalog.UnknownActivation(self.activation)))
        elif self.formula is not None:
            self.write_formula_canonically(self.formula)
        return self

    def complete_parameters(self) -> None:
        if self.formula is not None:
            raise make_field_error("/formula", f"{self.activation} is of the catalog; a formula needs another name")
        try:
            complete = catalog.find(self.activation).complete(self.parameters)
        except catalog.InvalidParameter as error:
            raise make_field_error(f"/parameters/{error.parameter}", str(error)) from error
        object.__setattr__(self, "parameters", complete)  # the model is frozen

    def write_formula_canonically(self, formula: str) -> None:
        if len(self.parameters) > MAX_PARAMETERS:
            raise make_field_error("/parameters", f"a formula has at most {MAX_PARAMETERS} parameters")
        for name, value in self.parameters.items():
            if isinstance(value, str):
                raise make_field_error(to_pointer(["parameters", name]), f"{name} is a number")
        object.__setattr__(self, "parameters", sort_by_key(self.parameters))
        object.__setattr__(self, "formula", read_formula(formula, self.parameters).text)

    @property
    def is_complete(self) -> bool:
        """Whether it is of the catalog, or has its formula."""
        return self.formula is not None or self.activation in catalog.ACTIVATIONS

    @property
    def function(self) -> Activation:
        """The activation, of the catalog or of the formula.

        Raises:
            UnknownActivation: it has yet to get its formula.
        """
        if self.formula is None:
            return catalog.find(self.activation)
        parameters = tuple(Parameter(name, float(value), "") for name, value in self.parameters.items())
        formula = parse_formula(self.formula, tuple(sorted(self.parameters)))
        return custom.make_activation(Definition(self.activation, self.activation, formula, parameters))

    @property
    def self_normalizing(self) -> bool:
        return self.formula is None and catalog.find(self.activation).self_normalizing


class Trainable(SpecModel):
    """Parameters of the activation that are learnt with the weights, from the job's `parameters` on.

    The bounds of a parameter are those of its first value alone.
    """

    parameters: list[str] = Field(
        min_length=1,
        max_length=MAX_PARAMETERS,
        description="Names of numeric parameters of the activation, each once.",
        examples=[["alpha"]],
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

    def sort(self) -> Self:
        """Name the parameters in an order that does not depend on the request."""
        return self.model_copy(update={"parameters": sorted(self.parameters)})


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
    seed: Seed = Field(0, description="Decides initial weights, data order and dropout.")
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
        if self.trainable is not None and self.is_complete:
            refuse_untrainable(self.trainable, self)
        return self

    @model_validator(mode="after")
    def train_samples_exist(self) -> Self:
        available = self.images_left_for_training
        if self.train_samples is not None and self.train_samples > available:
            raise make_field_error("/train_samples", f"the validation split leaves {available} images for training")
        return self

    def resolve(self) -> dict[str, Any]:
        """Resolve the fields in which null or `auto` stands for another value, and those whose order means nothing."""
        trainable = self.trainable and self.trainable.sort()
        momentum = 0.0 if self.optimizer.momentum is None else self.optimizer.momentum
        decay = ADAMW_DECAY if self.optimizer.name == "adamw" else 0.0
        decay = decay if self.optimizer.weight_decay is None else self.optimizer.weight_decay
        return {
            "optimizer": self.optimizer.model_copy(update={"momentum": momentum, "weight_decay": decay}),
            "initializer": self.drawn_by,
            "trainable": trainable,
            "train_samples": self.train_samples or self.images_left_for_training,
        }

    @property
    def drawn_by(self) -> str:
        """The initializer that draws the weights."""
        return resolve_initializer(self.initializer, self)

    @property
    def images_left_for_training(self) -> int:
        """The training archive without the holdout, split as Keras does: floor(n * (1 - fraction))."""
        if isinstance(self.validation, OnTestSet):
            return TRAINING_ARCHIVE_IMAGES
        return int(TRAINING_ARCHIVE_IMAGES * (1 - self.validation.fraction))


def refuse_untrainable(trainable: Trainable, spec: ActivationSpec) -> None:
    """Refuse parameters that the activation does not have, or that are no numbers; a complete spec has them all.

    Raises:
        PydanticCustomError: with the pointer of the first of them, in a JobSpec.
    """
    for index, name in enumerate(trainable.parameters):
        pointer = f"/trainable/parameters/{index}"
        if name not in spec.parameters:
            raise make_field_error(pointer, describe_unknown_parameter(spec.activation, name, spec.parameters))
        if isinstance(spec.parameters[name], str):
            raise make_field_error(pointer, f"{name} is a choice and no number to be learnt")
        if spec.formula is not None:
            refuse_long_slope(spec.formula, tuple(spec.parameters), name, pointer)


@functools.lru_cache(maxsize=1024)
def refuse_long_slope(formula: str, parameters: tuple[str, ...], name: str, pointer: str) -> None:
    """Raises PydanticCustomError: the derivative by this parameter is too long to be computed."""
    try:
        parse_formula(formula, tuple(sorted(parameters))).slope(name)
    except InvalidFormula as error:
        raise make_field_error(pointer, str(error)) from error


def resolve_initializer(initializer: Initializer, spec: ActivationSpec) -> str:
    """Resolve `auto`, which depends on the activation."""
    if initializer != "auto":
        return initializer
    return "lecun_normal" if spec.self_normalizing else "glorot_uniform"


Spec = TypeVar("Spec", bound=ActivationSpec)


def list_custom_names(names: Iterable[str]) -> list[str]:
    """List those that may be names of stored activations."""
    return [name for name in names if name not in catalog.ACTIVATIONS and CUSTOM_NAME.fullmatch(name)]


def add_formula(spec: Spec, definitions: Mapping[str, Definition]) -> Spec:
    """Complete a spec that names a stored activation, of which the client knows these.

    Raises:
        InvalidSpec: it is none of them, or does not have these parameters.
    """
    if spec.is_complete:
        return spec
    try:
        completed = type(spec).model_validate(complete(spec.model_dump(), definitions))
    except catalog.InvalidParameter as error:
        raise InvalidSpec({to_pointer(["parameters", error.parameter]): str(error)}) from error
    except ValidationError as error:
        raise InvalidSpec({locate(entry): entry["msg"] for entry in error.errors()}) from error
    refuse_unknown(completed)
    return completed


def complete(given: Mapping[str, Any], definitions: Mapping[str, Definition]) -> Mapping[str, Any]:
    """Add formula and defaults to the fields of a spec that names one of these activations.

    Raises:
        InvalidParameter: the activation does not allow a parameter.
    """
    definition, parameters = definitions.get(str(given.get("activation"))), given.get("parameters", {})
    if definition is None or given.get("formula") is not None or not isinstance(parameters, Mapping):
        return given
    filled_in = complete_parameters(definition.name, definition.parameters, parameters)
    return {**given, "formula": definition.formula.text, "parameters": filled_in}


def refuse_unknown(spec: ActivationSpec) -> None:
    """Raises InvalidSpec: the activation is not of the catalog, and has no formula."""
    if not spec.is_complete:
        raise InvalidSpec({"/activation": str(catalog.UnknownActivation(spec.activation))})


def read_formula(text: str, parameters: Collection[str]) -> Formula:
    """Read a formula that has exactly these parameters.

    Raises:
        PydanticCustomError: with the pointer, and the column in the formula.
    """
    for name in parameters:
        if (reason := explain_parameter(name)) is not None:
            raise make_field_error(to_pointer(["parameters", name]), reason)
    try:
        formula = parse_formula(text, tuple(sorted(parameters)))
    except InvalidFormula as error:
        raise make_field_error("/formula", str(error), column=error.column) from error
    for name in parameters:
        if name not in names(formula.tree):
            raise make_field_error(to_pointer(["parameters", name]), f"the formula has no {name}")
    return formula


@functools.lru_cache(maxsize=1024)
def parse_formula(text: str, parameters: tuple[str, ...]) -> Formula:
    """Parse once what each job of a sweep has. Raises InvalidFormula."""
    return Formula.read(text, parameters)


def locate(entry: Mapping[str, Any]) -> str:
    """Make the pointer of a pydantic error; a validator of a whole model names the field in its context."""
    return to_pointer(entry["loc"]) + str(entry.get("ctx", {}).get("pointer", ""))


def make_field_error(pointer: str, message: str, **details: int) -> PydanticCustomError:
    """Make an error of a model validator that names the field of the model it concerns, by a JSON pointer.

    `details` are passed on to clients, such as the column in a formula.
    """
    return PydanticCustomError("invalid_value", "{message}", {"pointer": pointer, "message": message, **details})
