"""Activations and their derivatives on an even grid: as numbers, and drawn, one or many."""

from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.responses import Response

from activations import catalog
from activations.catalog import Activation, Array, InvalidParameter, Jump, Parameters
from api.activations.endpoints import COLUMNS, FEW, KnownActivation, compute_columns
from api.activations.models import MAX_ABSCISSA, MAX_POINTS, Evaluation
from api.http.answers import answer, draw
from api.http.formats import DRAWINGS, TABLE_OR_DRAWING, Format
from api.http.negotiation import offer
from api.http.numbers import DECIMAL
from api.http.out import Out
from api.http.responses import declare_drawing, declare_errors, declare_files
from api.http.routing import Route, Undeclared
from api.http.tables import Table
from api.http.threads import draws_or_packs, heavy
from api.http.validation import make_refusal, split_names
from api.plots import styles
from api.plots.drawings import Drawing
from api.plots.endpoints import Kind
from api.plots.panels import Line, Panel
from jobs.errors import Busy, DatabaseUnavailable
from jobs.sweep import ARTICLE_ACTIVATIONS

router = APIRouter(prefix="/activations", tags=["activations"], route_class=Route)
CurveFormat = Annotated[Format, Depends(offer(*TABLE_OR_DRAWING))]
FILES = declare_files("x,value,derivative\r\n1.0,1.0,1.0\r\n", *DRAWINGS)
YLABELS = {"value": "f(x)", "derivative": "f'(x)"}


class JumpOut(Out):
    """A number at which the derivative is not continuous."""

    x: float = Field(description="The number.", examples=[0.0])
    below: float = Field(description="The limit of f'(x) from smaller x.", examples=[0.0])
    at: float = Field(description="f'(x) there: the branch that torch takes.", examples=[0.0])
    above: float = Field(description="The limit of f'(x) from larger x.", examples=[1.0])


class Curve(Evaluation):
    """Value and derivative at each x, in float64, to a relative 1e-12, and where the derivative jumps."""

    jumps: list[JumpOut] | None = Field(
        None,
        description="Jumps from the first x to the last, where a drawing is interrupted; absent if there are none.",
        examples=[[{"x": 0.0, "below": 0.0, "at": 0.0, "above": 1.0}]],
    )


@dataclass(frozen=True, slots=True)
class Grid:
    """Evenly spaced, ascending numbers."""

    start: float
    stop: float
    points: int

    def list_numbers(self) -> Array:
        """List them, both ends exact.

        Both ends are weighted, so that -5 to 5 passes through 0.05 and not 0.04999999999999982; where that rounds past
        an end or a neighbour, between ends a few ulps apart, order is restored.
        """
        last = self.points - 1
        steps = np.arange(self.points)
        weighted = (self.start * (last - steps) + self.stop * steps) / last
        x: Array = np.sort(np.clip(weighted, self.start, self.stop))
        x[0], x[-1] = self.start, self.stop
        return x


async def read_grid(
    start: Annotated[
        float, Query(ge=-MAX_ABSCISSA, le=MAX_ABSCISSA, allow_inf_nan=False, description="The first x.", examples=[-5])
    ] = -5,
    stop: Annotated[
        float, Query(ge=-MAX_ABSCISSA, le=MAX_ABSCISSA, allow_inf_nan=False, description="The last x.", examples=[5])
    ] = 5,
    points: Annotated[int, Query(ge=2, le=MAX_POINTS, description="How many, ends included.", examples=[201])] = 201,
) -> Grid:
    if not start < stop:
        raise RequestValidationError([make_refusal(("query", "stop"), "stop is greater than start", stop)])
    return Grid(start, stop, points)


async def read_parameters(activation: KnownActivation, given: Undeclared) -> dict[str, float | str]:
    """Read the activation's parameters: the query parameters that are not the curve's own."""
    unknown = [name for name in given if name not in activation.parameter_names]
    if unknown:
        raise RequestValidationError(
            [make_refusal(("query", name), activation.unknown_parameter(name), given[name]) for name in unknown]
        )
    try:
        return activation.complete({name: parse_parameter(text) for name, text in given.items()})
    except InvalidParameter as error:
        reason = make_refusal(("query", error.parameter), str(error), given[error.parameter])
        raise RequestValidationError([reason]) from error


def parse_parameter(text: str) -> float | str:
    return float(text) if DECIMAL.fullmatch(text) else text


def document_parameters() -> list[dict[str, Any]]:
    """Document the parameters of every activation for OpenAPI: those that a request may give depend on its path."""
    owners = defaultdict(list)
    for activation in catalog.ACTIVATIONS.values():
        for parameter in activation.parameters:
            owners[parameter.name].append((activation.name, parameter))
    return [document_parameter(name, uses) for name, uses in owners.items()]


def document_parameter(name: str, uses: list[tuple[str, catalog.Parameter]]) -> dict[str, Any]:
    first = uses[0][1]
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": " ".join(f"`{activation}`: {parameter.description}" for activation, parameter in uses),
        "schema": {"type": "string", "enum": [*first.choices]} if first.choices else {"type": "number"},
        "example": first.default,
    }


async def parse_names(
    names: Annotated[
        list[str],
        Query(description="Names of the catalog: separated by commas, or given again.", examples=[["relu,gelu"]]),
    ] = ARTICLE_ACTIVATIONS,
) -> list[Activation]:
    found = []
    for name in split_names(names):
        try:
            found.append(catalog.find(name))
        except catalog.UnknownActivation as error:
            raise RequestValidationError([make_refusal(("query", "names"), str(error), names)]) from error
    if not found:
        raise RequestValidationError([make_refusal(("query", "names"), "name at least one", names)])
    if len(found) != len({activation.name for activation in found}):
        raise RequestValidationError([make_refusal(("query", "names"), "each once", names)])
    return found


def is_drawn_or_long(*, grid: Grid, kind: Format, **_: object) -> bool:
    return grid.points > FEW or draws_or_packs(kind=kind)


@router.get(
    "/plot.{kind}",
    response_class=Response,
    responses=declare_drawing() | declare_errors(422, Busy, DatabaseUnavailable),
)
@heavy()
def plot(
    kind: Kind,
    names: Annotated[list[Activation], Depends(parse_names)],
    grid: Annotated[Grid, Depends(read_grid)],
    of: Annotated[Literal["value", "derivative"], Query(description="The function to draw.")] = "value",
) -> Response:
    """Draw several activations in one: values or derivatives, each with its default parameters."""
    x = grid.list_numbers()
    lines = [
        Line(
            activation.name,
            x.tolist(),
            getattr(activation, of)(x, **activation.complete({})).tolist(),
            style=styles.style_activation(activation.name),
            jumps=find_jumps(x, activation, activation.complete({})) if of == "derivative" else (),
        )
        for activation in names
    ]
    title = "Activations" if of == "value" else "Derivatives of activations"
    panel = Panel(xlabel="x", ylabel=YLABELS[of], lines=lines)
    return draw(Format(kind), f"activations-{of}", Drawing(title, [panel]))


@router.get(
    "/{name}/curve",  # noqa: FAST003  # the name is the dependency's
    name="curve",
    response_model=Curve,
    responses=FILES | declare_errors(404, 406, 422, Busy, DatabaseUnavailable),
    openapi_extra={"parameters": document_parameters()},
)
@heavy(is_drawn_or_long)
def compute_curve(
    activation: KnownActivation,
    parameters: Annotated[dict[str, float | str], Depends(read_parameters)],
    grid: Annotated[Grid, Depends(read_grid)],
    kind: CurveFormat,
) -> Response:
    """Compute value and derivative at evenly spaced numbers; as JSON, CSV, SVG or PNG."""
    x = grid.list_numbers()
    return answer(
        kind,
        f"{activation.name}-curve",
        document=lambda: describe_curve(activation, parameters, x),
        table=lambda: Table(COLUMNS, compute_columns(activation, parameters, x)),
        drawing=lambda: draw_curve(activation, parameters, x),
    )


def describe_curve(activation: Activation, parameters: Parameters, x: Array) -> dict[str, Any]:
    """Compute what Curve has."""
    jumps = [asdict(jump) for jump in find_jumps(x, activation, parameters)]
    columns = compute_columns(activation, parameters, x)
    return {"name": activation.name, "parameters": parameters, **columns, **({"jumps": jumps} if jumps else {})}


def find_jumps(x: Array, activation: Activation, parameters: Parameters) -> list[Jump]:
    return [jump for jump in activation.jumps(parameters) if x[0] <= jump.x <= x[-1]]


def draw_curve(activation: Activation, parameters: Parameters, x: Array) -> Drawing:
    own = styles.style_activation(activation.name)
    columns = {name: column.tolist() for name, column in compute_columns(activation, parameters, x).items()}
    jumps = find_jumps(x, activation, parameters)
    lines = [
        Line("f(x)", columns["x"], columns["value"], style=own),
        Line(
            "f'(x)",
            columns["x"],
            columns["derivative"],
            style=replace(own, dash=styles.DASHED),
            hollow=True,
            jumps=jumps,
        ),
    ]
    chosen = ", ".join(f"{name} = {value}" for name, value in parameters.items())
    title = f"{activation.title} ({chosen})" if chosen else activation.title
    return Drawing(title, [Panel(xlabel="x", ylabel="value and derivative", lines=lines)])
