"""The article's worked examples, for any input: chains of layers, clipping, and what depth does to a gradient."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, HTTPException, Path
from starlette.responses import Response

from activations import catalog, gradients, propagation
from api.gradients.models import (
    Chain,
    ChainSpec,
    Clipped,
    ClipSpec,
    ExampleList,
    ExampleOut,
    Propagation,
    PropagationSpec,
)
from api.http import formats
from api.http.errors import declared
from api.http.formats import ColumnType, Format, Table
from api.http.numbers import ExactJSON
from api.http.routing import Route
from api.plots import drawings, looks
from api.plots.drawings import Drawing, Line, Panel
from article.examples import EXAMPLES, Example

Row = Mapping[str, Any]  # Any: of the types in a table's columns

CHAIN_COLUMNS: Mapping[str, ColumnType] = {
    "layer": "int64",
    "pre_activation": "float64",
    "derivative": "float64",
    "gradient": "float64",
}
PROPAGATION_COLUMNS: Mapping[str, ColumnType] = {
    "layer": "int64",
    "activation_mean": "float64",
    "activation_variance": "float64",
    "gradient_norm": "float64",
    "dead_fraction": "float64",
    "saturated_fraction": "float64",
}

CHAIN_FILES = formats.documented(
    "layer,pre_activation,derivative,gradient\r\n1,0.0,0.25,3906.25\r\n", Format.SVG, Format.PNG
)
EXAMPLE_FILES = formats.documented(
    "case,layer,pre_activation,derivative,gradient\r\nEvery slope 0.2,1,,0.2,1600.0\r\n", Format.SVG, Format.PNG
)
CLIP_FILES = formats.documented("gradient,clipped\r\n3.0,0.5\r\n-4.0,-0.5\r\n", Format.SVG, Format.PNG)
PROPAGATION_FILES = formats.documented(
    "layer,activation_mean,activation_variance,gradient_norm,dead_fraction,saturated_fraction\r\n"
    "1,0.001,0.998,1.37,0.0,0.0\r\n",
    Format.SVG,
    Format.PNG,
)
REFUSED = declared(400, 406, 413, 415, 422)

ONE_AT_A_TIME = CapacityLimiter(
    1
)  # a propagation holds up to 64 MB for up to a second; the next waits without a thread

router = APIRouter(prefix="/gradients", tags=["gradients"], route_class=Route)
WantedFormat = Annotated[Format, Depends(formats.negotiated(Format.JSON, Format.CSV, Format.SVG, Format.PNG))]


@router.post("/chain", response_model=Chain, responses=CHAIN_FILES | REFUSED)
def chain(wanted: ChainSpec, kind: WantedFormat) -> Response:
    """The gradient that a chain of layers hands back, factor by factor, and the step it makes."""
    answered = solved(wanted)
    drawing = chain_drawing(f"Gradients of a chain, {wanted.activation}", {wanted.activation: answered})
    return respond(kind, answered, table(CHAIN_COLUMNS, answered["layers"]), drawing, stem="chain")


@router.get("/examples", response_model=ExampleList)
def list_examples() -> Response:
    """The article's three: a gradient that vanishes, one that explodes, and a dead ReLU."""
    return ExactJSON({"data": [*map(worked, EXAMPLES.values())]})


def known(name: Annotated[str, Path(description="Of an example.", examples=["exploding"])]) -> Example:
    if name not in EXAMPLES:
        raise HTTPException(404, f"unknown example {name!r}; known: {', '.join(EXAMPLES)}")
    return EXAMPLES[name]


@router.get("/examples/{name}", response_model=ExampleOut, responses=EXAMPLE_FILES | declared(404, 406, 422))
def get_example(example: Annotated[Example, Depends(known)], kind: WantedFormat) -> Response:
    """One worked example: requests for a chain, and what they are answered."""
    answered = worked(example)
    cases = {case["title"]: case["result"] for case in answered["cases"]}
    rows = [{"case": title, **layer} for title, result in cases.items() for layer in result["layers"]]
    layers = table({"case": "string", **CHAIN_COLUMNS}, rows)
    return respond(kind, answered, layers, chain_drawing(example.title, cases), stem=example.name)


@router.post("/clip", response_model=Clipped, responses=CLIP_FILES | REFUSED)
def clip(wanted: ClipSpec, kind: WantedFormat) -> Response:
    """A gradient clipped by value or by norm, as an optimizer would get it."""
    gradient = np.array(wanted.gradient)
    clipped = gradients.clip(gradient, by=wanted.by, threshold=wanted.threshold)
    columns = {"gradient": gradient, "clipped": clipped.gradient}
    answered = {**columns, "norm": clipped.norm, "scale": clipped.scale}
    layout = Table({"gradient": "float64", "clipped": "float64"}, columns)
    return respond(kind, answered, layout, clip_drawing(wanted, gradient, clipped.gradient), stem="clip")


@router.post("/propagation", response_model=Propagation, responses=PROPAGATION_FILES | REFUSED)
async def propagate(wanted: PropagationSpec, kind: WantedFormat) -> Response:
    """Signal and gradient, layer by layer, through a deep random network: vanishing, exploding, or kept."""
    return await to_thread.run_sync(propagated, wanted, kind, limiter=ONE_AT_A_TIME)


def propagated(wanted: PropagationSpec, kind: Format) -> Response:
    network = wanted.model_dump() | {"initializer": wanted.drawn_by()}
    activation = catalog.find(network["activation"])
    layers = [*map(asdict, propagation.propagate(**network | {"activation": activation}))]
    answered = {**network, "layers": layers}
    drawing = propagation_drawing(answered)
    return respond(kind, answered, table(PROPAGATION_COLUMNS, layers), drawing, stem="propagation")


def solved(wanted: ChainSpec) -> dict[str, Any]:
    """As Chain has it."""
    slopes = wanted.derivatives()
    factors = gradients.factors(slopes, wanted.weights, wanted.upstream)
    by_layer = gradients.layer_gradients(factors)
    clipped = gradients.bounded(by_layer[0], wanted.clip.threshold if wanted.clip else math.inf)
    inputs: Sequence[float | None] = wanted.pre_activations or [None] * len(slopes)
    rows = zip(inputs, slopes, by_layer, strict=True)
    updated = functools.partial(gradients.updated, wanted.parameter, clipped, learning_rate=wanted.learning_rate)
    return {
        "activation": wanted.activation,
        "parameters": wanted.parameters,
        "factors": factors,
        "gradient": by_layer[0],
        "clipped_gradient": clipped,
        "updated_parameter": updated(),
        "parameter_float32": gradients.float32(wanted.parameter),
        "updated_parameter_float32": updated(precision=np.float32),
        "layers": [dict(zip(CHAIN_COLUMNS, (layer, *row), strict=True)) for layer, row in enumerate(rows, start=1)],
    }


def worked(example: Example) -> dict[str, Any]:
    """As ExampleOut has it."""
    requests = {case.title: ChainSpec.model_validate(case.request) for case in example.cases}
    return asdict(example) | {
        "cases": [
            {"title": title, "request": request.model_dump(), "result": solved(request)}
            for title, request in requests.items()
        ]
    }


def respond(kind: Format, document: Mapping[str, Any], layout: Table, drawing: Drawing, *, stem: str) -> Response:
    if kind is Format.JSON:
        return ExactJSON(document, headers={"Vary": "Accept"})
    if kind is Format.CSV:
        return formats.file(layout, kind, stem)
    return drawings.file(drawing, kind, stem)


def table(types: Mapping[str, ColumnType], rows: Sequence[Row]) -> Table:
    return Table(types, {name: [row[name] for row in rows] for name in types})


def chain_drawing(title: str, results: Mapping[str, Row]) -> Drawing:
    dressed = looks.dressed(result["activation"] for result in results.values())
    lines = [
        Line(label, column(result, "layer"), [abs(gradient) for gradient in column(result, "gradient")], look=look)
        for (label, result), look in zip(results.items(), dressed, strict=True)
    ]
    return Drawing(title, [Panel(xlabel="layer", ylabel="|dC/db|, log scale", lines=lines, log=True, integers=True)])


def clip_drawing(wanted: ClipSpec, before: catalog.Array, after: catalog.Array) -> Drawing:
    order = np.argsort(before)
    x, y = before[order].tolist(), after[order].tolist()
    lines = [Line("as it was", x, x), Line("clipped", x, y)]
    title = f"Gradient clipped by {wanted.by} at {wanted.threshold:g}"
    return Drawing(title, [Panel(xlabel="gradient, element by element", ylabel="to the optimizer", lines=lines)])


def propagation_drawing(network: Row) -> Drawing:
    title = "{activation}, {initializer}, {depth} layers of {width}".format_map(network)
    own = looks.look(network["activation"])

    def panel(ylabel: str, lines: Mapping[str, str], *, log: bool = False) -> Panel:
        x = column(network, "layer")
        drawn = [
            Line(label, x, column(network, name), look=look)
            for (name, label), look in zip(lines.items(), (own, looks.dashed(own)), strict=False)
        ]
        return Panel(xlabel="layer", ylabel=ylabel, lines=drawn, log=log, integers=True)

    fractions = {"dead_fraction": "of units: dead", "saturated_fraction": "of derivatives: near 0"}
    return Drawing(
        title,
        [
            panel("activations: mean", {"activation_mean": "mean"}),
            panel("activations: variance, log scale", {"activation_variance": "variance"}, log=True),
            panel("gradient: L2 norm, log scale", {"gradient_norm": "norm"}, log=True),
            panel("fraction", fractions),
        ],
    )


def column(answered: Row, name: str) -> list[Any]:  # Any: as the column's type says
    return [layer[name] for layer in answered["layers"]]
