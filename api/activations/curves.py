"""Activations and their derivatives on an even grid: as numbers, and drawn, one or many."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from activations import catalog
from activations.catalog import Activation, Array, InvalidParameter, Jump, Parameters
from api.activations.lookup import KnownActivation, find_stored
from api.activations.models import MAX_ABSCISSA, MAX_POINTS, Curve
from api.activations.values import COLUMNS, are_few, compute
from api.dependencies import Sessions
from api.http.answers import answer, draw
from api.http.auth import RequestHolder
from api.http.formats import DRAWINGS, TABLE_OR_DRAWING, Format
from api.http.negotiation import offer
from api.http.numbers import DECIMAL, mark_with_reasons
from api.http.responses import declare_drawing, declare_errors, declare_files
from api.http.routing import Route, Undeclared
from api.http.tables import Table
from api.http.threads import draws_or_packs, heavy
from api.http.validation import make_refusal, split_names
from api.plots import styles
from api.plots.drawings import Drawing
from api.plots.endpoints import Kind
from api.plots.panels import MAX_LINES, Line, Panel
from jobs.errors import Busy, DatabaseUnavailable
from jobs.sweep import ARTICLE_ACTIVATIONS

router = APIRouter(prefix="/activations", tags=["activations"], route_class=Route)
CurveFormat = Annotated[Format, Depends(offer(*TABLE_OR_DRAWING))]
FILES = declare_files("x,value,derivative\r\n1.0,1.0,1.0\r\n", *DRAWINGS)
YLABELS = {"value": "f(x)", "derivative": "f'(x)"}


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
    sessions: Sessions,
    holder: RequestHolder,
    names: Annotated[
        list[str],
        Query(
            description=f"Names of GET /v1/activations, at most {MAX_LINES}: separated by commas, or given again.",
            examples=[["relu,gelu"]],
        ),
    ] = ARTICLE_ACTIVATIONS,
) -> list[Activation]:
    asked = split_names(names)
    if fault := find_fault(asked):
        raise RequestValidationError([make_refusal(("query", "names"), fault, names)])
    stored = {name: known.activation for name, known in (await find_stored(sessions, asked, holder)).items()}
    known = {**catalog.ACTIVATIONS, **stored}
    if unknown := [name for name in asked if name not in known]:
        message = str(catalog.UnknownActivation(unknown[0]))
        raise RequestValidationError([make_refusal(("query", "names"), message, names)])
    return [known[name] for name in asked]


def find_fault(names: Sequence[str]) -> str | None:
    if not 1 <= len(names) <= MAX_LINES:
        return f"name 1 to {MAX_LINES} activations"
    return None if len(names) == len({*names}) else "each once"


def is_drawn_or_long(*, activation: Activation, grid: Grid, kind: Format, **_: object) -> bool:
    return not are_few(activation, grid.points) or draws_or_packs(kind=kind)


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
            compute(activation, activation.complete({}), x).columns[of].tolist(),
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
        table=lambda: Table(COLUMNS, compute(activation, parameters, x).columns),
        drawing=lambda: draw_curve(activation, parameters, x),
    )


def describe_curve(activation: Activation, parameters: Parameters, x: Array) -> dict[str, Any]:
    """Compute what Curve has."""
    jumps = [asdict(jump) for jump in find_jumps(x, activation, parameters)]
    found = compute(activation, parameters, x)
    document = {"name": activation.name, "parameters": parameters, **found.columns}
    return mark_with_reasons(document | ({"jumps": jumps} if jumps else {}), found.reasons)


def find_jumps(x: Array, activation: Activation, parameters: Parameters) -> list[Jump]:
    return [jump for jump in activation.jumps(parameters) if x[0] <= jump.x <= x[-1]]


def draw_curve(activation: Activation, parameters: Parameters, x: Array) -> Drawing:
    own = styles.style_activation(activation.name)
    columns = {name: column.tolist() for name, column in compute(activation, parameters, x).columns.items()}
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
