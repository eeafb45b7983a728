"""The models of requests and answers about activations."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, FailFast, Field, WithJsonSchema

from activations import catalog
from api.http.numbers import NonFinite
from api.http.out import Out

MAX_POINTS = 100_000
MAX_ABSCISSA = 1e300  # leaves room to weight the ends of a curve by MAX_POINTS

Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
# Any: the catalog says which parameter is a number and which is a word, and names the wrong one.
ParameterValue = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})]


class ParameterOut(Out):
    name: str = Field(description="Its key in `parameters`.", examples=["alpha"])
    default: float | str = Field(description="Used where none is given.", examples=[1.0])
    minimum: float | None = Field(description="The smallest allowed; null for a choice.", examples=[0.001])
    maximum: float | None = Field(description="The largest allowed; null for a choice.", examples=[100.0])
    choices: tuple[str, ...] = Field(description="The allowed words; empty for a number.", examples=[[]])
    description: str = Field(description="Its effect.", examples=["The slope for negative input."])


class ReferenceOut(Out):
    title: str = Field(description="The title of the publication.", examples=["Gaussian Error Linear Units (GELUs)"])
    authors: str = Field(description="Separated by commas.", examples=["Dan Hendrycks, Kevin Gimpel"])
    year: int = Field(description="The year of the publication.", examples=[2016])
    url: str = Field(description="Where to read it.", examples=["https://arxiv.org/abs/1606.08415"])


class ActivationOut(Out):
    """An activation function and its properties. What depends on parameters is for the defaults."""

    name: str = Field(description="The name by which every request knows it.", examples=["gelu"])
    title: str = Field(description="In full.", examples=["Gaussian Error Linear Unit"])
    formula_latex: str = Field(description="The value.", examples=[r"f(x) = \max(0, x)"])
    formula_mathml: str = Field(description="The same for a web page.", examples=["<math>...</math>"])
    derivative_latex: str = Field(description="The derivative in x.", examples=[r"f'(x) = 1"])
    derivative_mathml: str = Field(description="The same for a web page.", examples=["<math>...</math>"])
    parameters: tuple[ParameterOut, ...] = Field(description="The parameters it takes; often none.")
    range: catalog.Range = Field(
        description="Infimum and supremum of the value; null = unbounded.", examples=[[-0.17004075057125405, None]]
    )
    monotonic: bool = Field(description="Whether the value never falls as x grows.", examples=[False])
    derivative_at_zero: float = Field(
        description="The derivative that a backward pass takes at x = 0: the negative branch's where there is a kink.",
        examples=[0.5],
    )
    self_normalizing: bool = Field(
        description="Whether it keeps mean 0 and variance 1 from layer to layer.", examples=[False]
    )
    advantages: tuple[str, ...] = Field(description="Why to use it.", examples=[["Smooth everywhere."]])
    drawbacks: tuple[str, ...] = Field(description="Why not to.", examples=[["Not monotonic."]])
    reference: ReferenceOut = Field(description="Where it was published.")


class ActivationList(Out):
    data: tuple[ActivationOut, ...] = Field(description="The whole catalog.")


class Evaluate(BaseModel):
    """The numbers at which to evaluate an activation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: Annotated[list[Finite], FailFast()] = Field(
        description="Finite numbers.", min_length=1, max_length=MAX_POINTS, examples=[[-1.0, 0.0, 1.0]]
    )
    parameters: dict[str, ParameterValue] = Field(
        {}, description="As the activation allows; the catalog's defaults fill the rest.", examples=[{}]
    )


class Evaluation(Out):
    """Value and derivative at each x, in float64, to a relative 1e-12."""

    name: str = Field(description="The activation.", examples=["relu"])
    parameters: dict[str, float | str] = Field(description="With the defaults filled in.", examples=[{}])
    x: list[float] = Field(description="The numbers of the request.", examples=[[-1.0, 0.0, 1.0]])
    value: list[float | None] = Field(description="f(x); null beyond float64.", examples=[[0.0, 0.0, 1.0]])
    derivative: list[float | None] = Field(description="f'(x); null beyond float64.", examples=[[0.0, 0.0, 1.0]])
    non_finite: NonFinite = Field(None, examples=[{"/value/3": "inf"}])
