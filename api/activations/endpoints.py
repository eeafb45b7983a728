"""The catalog over HTTP, and its functions evaluated: answered here, without torch."""
# ruff: noqa: FAST003  # `name` reaches the endpoints as the activation it names, see known()

import functools
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, HTTPException, Path
from fastapi.exceptions import RequestValidationError
from latex2mathml.converter import convert as mathml
from pydantic import BaseModel, ConfigDict, FailFast, Field, WithJsonSchema
from starlette.responses import Response

from activations import catalog
from activations.catalog import Activation, Array, InvalidParameter, Parameters
from api.http.answers import answer
from api.http.formats import Format
from api.http.negotiation import offer
from api.http.numbers import NonFinite
from api.http.out import Out
from api.http.responses import declare_errors, declare_files
from api.http.routing import Route
from api.http.tables import Table, Types
from api.http.validation import invalid_value

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
    description: str = Field(description="What it does.", examples=["The slope for negative input."])


class ReferenceOut(Out):
    title: str = Field(description="Of the publication.", examples=["Gaussian Error Linear Units (GELUs)"])
    authors: str = Field(description="Separated by commas.", examples=["Dan Hendrycks, Kevin Gimpel"])
    year: int = Field(description="Of the publication.", examples=[2016])
    url: str = Field(description="Where to read it.", examples=["https://arxiv.org/abs/1606.08415"])


class ActivationOut(Out):
    """An activation function, and what to know before using it. What depends on parameters is for the defaults."""

    name: str = Field(description="Names it in every request.", examples=["gelu"])
    title: str = Field(description="In full.", examples=["Gaussian Error Linear Unit"])
    formula_latex: str = Field(description="The value.", examples=[r"f(x) = \max(0, x)"])
    formula_mathml: str = Field(description="The same for a web page.", examples=["<math>...</math>"])
    derivative_latex: str = Field(description="The derivative in x.", examples=[r"f'(x) = 1"])
    derivative_mathml: str = Field(description="The same for a web page.", examples=["<math>...</math>"])
    parameters: tuple[ParameterOut, ...] = Field(description="What `parameters` may hold; often nothing.")
    range: catalog.Range = Field(
        description="Infimum and supremum of the value; null = unbounded.", examples=[[-0.17004075057125405, None]]
    )
    monotonic: bool = Field(description="Whether the value never falls as x grows.", examples=[False])
    derivative_at_zero: float = Field(
        description="What a backward pass takes at x = 0: the negative branch's where there is a kink.", examples=[0.5]
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
    """Where to evaluate an activation."""

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
    x: list[float] = Field(description="Where.", examples=[[-1.0, 0.0, 1.0]])
    value: list[float | None] = Field(description="f(x); null beyond float64.", examples=[[0.0, 0.0, 1.0]])
    derivative: list[float | None] = Field(description="f'(x); null beyond float64.", examples=[[0.0, 0.0, 1.0]])
    non_finite: NonFinite = Field(None, examples=[{"/value/3": "inf"}])


NOT_FOUND = declare_errors(404, 422)
FILES = declare_files("x,value,derivative\r\n1.0,1.0,1.0\r\n")
REFUSED = declare_errors(400, 404, 406, 413, 415, 422)
COLUMNS: Types = {"x": "float64", "value": "float64", "derivative": "float64"}

router = APIRouter(prefix="/activations", tags=["activations"], route_class=Route)
WantedFormat = Annotated[Format, Depends(offer(Format.JSON, Format.CSV))]


def known(name: Annotated[str, Path(description="A name of the catalog.", examples=["gelu"])]) -> Activation:
    try:
        return catalog.find(name)
    except catalog.UnknownActivation as error:
        raise HTTPException(404, str(error)) from error


Known = Annotated[Activation, Depends(known)]


@router.get("")
def list_activations() -> ActivationList:
    """The catalog: the article's six activations first."""
    return ActivationList(data=tuple(map(described, catalog.ACTIVATIONS.values())))


@router.get("/{name}", responses=NOT_FOUND)
def get_activation(activation: Known) -> ActivationOut:
    """One activation, with its formulas, parameters and properties."""
    return described(activation)


@router.post("/{name}/evaluate", response_model=Evaluation, responses=FILES | REFUSED)
def evaluate(activation: Known, wanted: Evaluate, kind: WantedFormat) -> Response:
    """Value and derivative at the given numbers."""
    try:
        parameters = activation.complete(wanted.parameters)
    except InvalidParameter as error:
        location = ("body", "parameters", error.parameter)
        given = wanted.parameters[error.parameter]
        raise RequestValidationError([invalid_value(location, str(error), given)]) from error
    columns = compute_columns(activation, parameters, np.array(wanted.x))
    return answer(
        kind,
        f"{activation.name}-evaluation",
        document=lambda: {"name": activation.name, "parameters": parameters, **columns},
        table=lambda: Table(COLUMNS, columns),
    )


def compute_columns(activation: Activation, parameters: Parameters, x: Array) -> dict[str, Array]:
    """Compute what COLUMNS has."""
    return {
        "x": x,
        "value": activation.value(x, **parameters),
        "derivative": activation.derivative(x, **parameters),
    }


@functools.cache  # the MathML
def described(activation: Activation) -> ActivationOut:
    defaults = activation.complete({})
    return ActivationOut(
        name=activation.name,
        title=activation.title,
        formula_latex=activation.formula_latex,
        formula_mathml=mathml(activation.formula_latex, display="block"),
        derivative_latex=activation.derivative_latex,
        derivative_mathml=mathml(activation.derivative_latex, display="block"),
        parameters=tuple(map(ParameterOut.model_validate, activation.parameters)),
        range=activation.range(defaults),
        monotonic=activation.monotonic,
        derivative_at_zero=activation.derivative_at_zero(defaults),
        self_normalizing=activation.self_normalizing,
        advantages=activation.advantages,
        drawbacks=activation.drawbacks,
        reference=ReferenceOut.model_validate(activation.reference),
    )
