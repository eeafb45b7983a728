"""The models of requests and answers about gradients."""

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from activations.propagation import SATURATED
from api.http.numbers import NonFinite
from api.http.out import Out
from article.examples import EXAMPLES
from jobs.spec import ActivationSpec, Clip, Initializer, make_field_error

MAX_LAYERS = 1000
MAX_ELEMENTS = 100_000
MAX_WORK = 200 * 256 * 256 * 1024
"""Multiply-adds of one pass of a propagation, of which there are three; at most 0.5 GB and seconds of two cores."""


class ChainSpec(ActivationSpec):
    """Layers of one unit each, z_l = w_l a_(l-1) + b_l and a_l = f(z_l) for l = 1..L, and a step for one parameter.

    The parameter is b_1 (or whatever else z_1 holds with a factor of 1).
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{**EXAMPLES["exploding"].cases[0].request}]})

    weights: list[float] = Field(
        description="w_2 .. w_L, one fewer than layers.",
        max_length=MAX_LAYERS - 1,
        fail_fast=True,
        examples=[[100.0, 100.0, 100.0]],
    )
    pre_activations: list[float] | None = Field(
        None,
        description="z_1 .. z_L, at which f is differentiated. Either these or `activation_derivatives`.",
        min_length=1,
        max_length=MAX_LAYERS,
        fail_fast=True,
        examples=[[0.0, 0.0, 0.0, 0.0]],
    )
    activation_derivatives: list[float] | None = Field(
        None,
        description="f'(z_1) .. f'(z_L), taken as they are, in place of `pre_activations`.",
        min_length=1,
        max_length=MAX_LAYERS,
        fail_fast=True,
        examples=[[0.1, 0.1, 0.1, 0.1]],
    )
    upstream: float = Field(description="dC/da_L, the gradient of the cost in the last layer's output.", examples=[1.0])
    learning_rate: float = Field(gt=0, le=1000, description="Step size.", examples=[0.5])
    parameter: float = Field(description="b_1 before the step.", examples=[1.56])
    clip: Clip | None = Field(
        None, description="Clips the gradient before the step; null = not. For one number both ways are the same."
    )

    @model_validator(mode="after")
    def layers_are_given_once(self) -> Self:
        if (self.pre_activations is None) == (self.activation_derivatives is None):
            raise make_field_error("/pre_activations", "give either pre_activations or activation_derivatives")
        return self

    @model_validator(mode="after")
    def a_weight_stands_between_two_layers(self) -> Self:
        layers = len(self.pre_activations or self.activation_derivatives or ())
        if len(self.weights) != layers - 1:
            raise make_field_error("/weights", f"{layers} layers have {layers - 1} weights between them: w_2 .. w_L")
        return self

    def derivatives(self) -> list[float]:
        if self.pre_activations is None:
            return self.activation_derivatives or []
        slopes: list[float] = self.function.derivative(self.pre_activations, **self.parameters).tolist()
        return slopes


class ChainLayer(Out):
    layer: int = Field(description="1-based, from the input.", examples=[1])
    pre_activation: float | None = Field(description="z_l; null where derivatives were given.", examples=[0.0])
    derivative: float | None = Field(description="f'(z_l).", examples=[0.25])
    gradient: float | None = Field(description="dC/dz_l, which is dC/db_l.", examples=[3906.25])
    non_finite: NonFinite = Field(None, examples=[{"/gradient": "-inf"}])


class Chain(Out):
    """The gradient of a chain, and the parameter after one step of gradient descent."""

    activation: str = Field(description="f.", examples=["sigmoid"])
    formula: str | None = Field(description="Its formula; null for one of the catalog.", examples=[None])
    parameters: dict[str, float | str] = Field(description="With the defaults filled in.", examples=[{}])
    factors: list[float | None] = Field(
        description="f'(z_1), w_2, f'(z_2), .., w_L, f'(z_L), dC/da_L: their product is the gradient.",
        examples=[[0.25, 100.0, 0.25, 100.0, 0.25, 100.0, 0.25, 1.0]],
    )
    gradient: float | None = Field(description="dC/db_1.", examples=[3906.25])
    clipped_gradient: float | None = Field(description="The same within +-threshold.", examples=[3906.25])
    updated_parameter: float | None = Field(
        description="parameter - learning_rate * clipped_gradient, in float64.", examples=[-1951.565]
    )
    parameter_float32: float | None = Field(
        description="The parameter as float32 holds it: equal to the next, it has not moved.",
        examples=[1.559999942779541],
    )
    updated_parameter_float32: float | None = Field(
        description="The step in float32: each of its three numbers rounded, then the product, then the difference.",
        examples=[-1951.56494140625],
    )
    layers: list[ChainLayer] = Field(description="From the input to the output.")
    non_finite: NonFinite = Field(None, examples=[{"/gradient": "-inf"}])


class ExampleCase(Out):
    title: str = Field(description="A title that says what it shows.", examples=["Every slope 0.1"])
    request: ChainSpec = Field(description="As POST /v1/gradients/chain takes it.")
    result: Chain = Field(description="The answer to it.")


class ExampleOut(Out):
    name: str = Field(description="Its path segment.", examples=["exploding"])
    title: str = Field(description="In a few words.", examples=["A gradient that explodes"])
    description: str = Field(description="The effect shown, and the source of the numbers.", examples=["Four layers."])
    cases: list[ExampleCase] = Field(description="The numbers.")


class ExampleList(Out):
    data: list[ExampleOut] = Field(description="Vanishing, exploding, dead.")


class ClipSpec(Clip):
    """A gradient, as one tensor, and the limit to clip it by."""

    gradient: list[float] = Field(
        description="Its elements.", min_length=1, max_length=MAX_ELEMENTS, fail_fast=True, examples=[[3.0, -4.0]]
    )


class Clipped(Out):
    gradient: list[float] = Field(description="The gradient of the request.", examples=[[3.0, -4.0]])
    norm: float | None = Field(description="Its L2 norm.", examples=[5.0])
    clipped: list[float] = Field(description="The gradient after clipping.", examples=[[0.5, -0.5]])
    scale: float | None = Field(
        description="The factor of every element; null by value, which bounds each on its own.",
        examples=[None],
    )
    non_finite: NonFinite = Field(None, examples=[{"/gradient": "-inf"}])


class PropagationSpec(ActivationSpec):
    """Random dense layers a_l = f(a_(l-1) W_l) of equal width, without biases; a_0 is standard normal.

    depth * width * width * samples, the multiply-adds of one pass, is at most 13,421,772,800: as many as 200 layers of
    256 units for 1024 samples have, or 200 layers of 1024 units for 64. A long formula allows less.
    """

    depth: int = Field(50, ge=1, le=200, description="Layers.")
    width: int = Field(128, ge=1, le=1024, description="Units a layer.")
    samples: int = Field(256, ge=1, le=1024, description="Inputs sent through at once.")
    initializer: Initializer = Field(
        "auto", description="Of the weights. auto = lecun_normal for selu, else glorot_uniform."
    )
    seed: int = Field(
        0, ge=0, le=2**32 - 1, description="Decides weights, inputs and the cost, whatever the activation."
    )

    @model_validator(mode="after")
    def the_work_is_bounded(self) -> Self:
        work = self.depth * self.width * self.width * self.samples
        if work > MAX_WORK:
            message = f"depth * width * width * samples is {work:,}; at most {MAX_WORK:,}"
            raise make_field_error("/depth", message)  # at a depth of 1 every width and number of samples is allowed
        return self


class PropagationLayer(Out):
    """One layer; the names mean the same as in a job's layers."""

    layer: int = Field(description="1-based, from the input.", examples=[1])
    activation_mean: float | None = Field(description="Of a_l, over samples and units.", examples=[0.001])
    activation_variance: float | None = Field(description="Of a_l, over samples and units.", examples=[0.998])
    gradient_norm: float | None = Field(
        description="L2 norm of dC/dW_l and dC/db_l together, where C = sum(v a_L) / samples, with v standard normal.",
        examples=[1.37],
    )
    dead_fraction: float | None = Field(
        description="Fraction of units whose derivative is 0 in float32 at every sample.", examples=[0.0]
    )
    saturated_fraction: float | None = Field(
        description=f"Fraction of |f'(z_l)| below {SATURATED}, over samples and units.", examples=[0.0]
    )
    non_finite: NonFinite = Field(None, examples=[{"/gradient": "-inf"}])


class Propagation(Out):
    """Each layer of one random network."""

    activation: str = Field(description="f.", examples=["selu"])
    formula: str | None = Field(description="Its formula; null for one of the catalog.", examples=[None])
    parameters: dict[str, float | str] = Field(description="With the defaults filled in.", examples=[{}])
    depth: int = Field(description="Layers.", examples=[50])
    width: int = Field(description="Units a layer.", examples=[128])
    samples: int = Field(description="Inputs sent through at once.", examples=[256])
    initializer: str = Field(description="Of the weights, with auto resolved.", examples=["lecun_normal"])
    seed: int = Field(description="Repeats the same draw.", examples=[0])
    layers: list[PropagationLayer] = Field(description="From the input to the output.")
