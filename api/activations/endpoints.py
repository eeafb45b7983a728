"""The catalog over HTTP, and its functions evaluated: answered here, without torch."""
# ruff: noqa: FAST003  # `name` reaches the endpoints as the activation it names, see find_activation()

import functools
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, HTTPException, Path
from fastapi.exceptions import RequestValidationError
from latex2mathml.converter import convert as mathml
from starlette.responses import Response

from activations import catalog
from activations.catalog import Activation, Array, InvalidParameter, Parameters
from api.activations.models import ActivationList, ActivationOut, Evaluate, Evaluation, ParameterOut, ReferenceOut
from api.http.answers import answer
from api.http.formats import Format
from api.http.negotiation import offer
from api.http.responses import declare_errors, declare_files
from api.http.routing import Route
from api.http.tables import Table, Types
from api.http.threads import heavy
from api.http.validation import make_refusal
from jobs.errors import Busy, DatabaseUnavailable

NOT_FOUND = declare_errors(404, 422)
FILES = declare_files("x,value,derivative\r\n1.0,1.0,1.0\r\n")
REFUSED = declare_errors(400, 404, 406, 413, 415, 422, Busy, DatabaseUnavailable)
FEW = 1000
"""Numbers whose values are computed and written within a few milliseconds."""
COLUMNS: Types = {"x": "float64", "value": "float64", "derivative": "float64"}

router = APIRouter(prefix="/activations", tags=["activations"], route_class=Route)
WantedFormat = Annotated[Format, Depends(offer(Format.JSON, Format.CSV))]


async def find_activation(
    name: Annotated[str, Path(description="A name of the catalog.", examples=["gelu"])],
) -> Activation:
    try:
        return catalog.find(name)
    except catalog.UnknownActivation as error:
        raise HTTPException(404, str(error)) from error


def is_long(*, request: Evaluate, **_: object) -> bool:
    return len(request.x) > FEW


KnownActivation = Annotated[Activation, Depends(find_activation)]


@router.get("")
def list_activations() -> ActivationList:
    """List the catalog, the article's six activations first."""
    return ActivationList(data=tuple(map(describe, catalog.ACTIVATIONS.values())))


@router.get("/{name}", responses=NOT_FOUND)
def get_activation(activation: KnownActivation) -> ActivationOut:
    """Get one activation, with its formulas, parameters and properties."""
    return describe(activation)


@router.post("/{name}/evaluate", response_model=Evaluation, responses=FILES | REFUSED)
@heavy(is_long)
def evaluate(activation: KnownActivation, request: Evaluate, kind: WantedFormat) -> Response:
    """Evaluate an activation: its value and derivative at the given numbers."""
    try:
        parameters = activation.complete(request.parameters)
    except InvalidParameter as error:
        location = ("body", "parameters", error.parameter)
        given = request.parameters[error.parameter]
        raise RequestValidationError([make_refusal(location, str(error), given)]) from error
    columns = compute_columns(activation, parameters, np.fromiter(request.x, np.float64, len(request.x)))
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
def describe(activation: Activation) -> ActivationOut:
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
