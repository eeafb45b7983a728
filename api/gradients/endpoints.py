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
from api.http.answers import answer
from api.http.formats import DRAWINGS, TABLE_OR_DRAWING, Format
from api.http.negotiation import offer
from api.http.numbers import ExactJSON
from api.http.responses import declare_errors, declare_files
from api.http.routing import Route
from api.http.tables import Table, Types
from api.plots import looks
from api.plots.drawings import Drawing, Line, Panel
from article.examples import EXAMPLES, Example

Row = Mapping[str, Any]  # Any: of the types in a table's columns

CHAIN_COLUMNS: Types = {
    "layer": "int64",
    "pre_activation": "float64",
    "derivative": "float64",
    "gradient": "float64",
}
PROPAGATION_COLUMNS: Types = {
    "layer": "int64",
    "activation_mean": "float64",
    "activation_variance": "float64",
    "gradient_norm": "float64",
    "dead_fraction": "float64",
    "saturated_fraction": "float64",
}

CHAIN_FILES = declare_files("layer,pre_activation,derivative,gradient\r\n1,0.0,0.25,3906.25\r\n", *DRAWINGS)
EXAMPLE_FILES = declare_files(
    "case,layer,pre_activation,derivative,gradient\r\nEvery slope 0.2,1,,0.2,1600.0\r\n", *DRAWINGS
)
CLIP_FILES = declare_files("gradient,clipped\r\n3.0,0.5\r\n-4.0,-0.5\r\n", *DRAWINGS)
PROPAGATION_FILES = declare_files(
    "layer,activation_mean,activation_variance,gradient_norm,dead_fraction,saturated_fraction\r\n"
    "1,0.001,0.998,1.37,0.0,0.0\r\n",
    *DRAWINGS,
)
REFUSED = declare_errors(400, 406, 413, 415, 422)

ONE_AT_A_TIME = CapacityLimiter(
    1
)  # a propagation holds up to 64 MB for up to a second; the next waits without a thread

router = APIRouter(prefix="/gradients", tags=["gradients"], route_class=Route)
WantedFormat = Annotated[Format, Depends(offer(*TABLE_OR_DRAWING))]


@router.post("/chain", response_model=Chain, responses=CHAIN_FILES | REFUSED)
def chain(wanted: ChainSpec, kind: WantedFormat) -> Response:
    """The gradient that a chain of layers hands back, factor by factor, and the step it makes."""
    solution = solved(wanted)
    return answer(
        kind,
        "chain",
        document=lambda: solution,
        table=lambda: Table.of_objects(CHAIN_COLUMNS, solution["layers"]),
        drawing=lambda: chain_drawing(f"Gradients of a chain, {wanted.activation}", {wanted.activation: solution}),
    )


@router.get("/examples", response_model=ExampleList)
def list_examples() -> Response:
    """The article's three: a gradient that vanishes, one that explodes, and a dead ReLU."""
    return ExactJSON({"data": [*map(worked, EXAMPLES.values())]})


def known(name: Annotated[str, Path(description="Of an example.", examples=["exploding"])]) -> Example:
    if name not in EXAMPLES:
        raise HTTPException(404, f"unknown example {name!r}; known: {', '.join(EXAMPLES)}")
    return EXAMPLES[name]


@router.get("/examples/{name}", response_model=ExampleOut, responses=EXAMPLE_FILES | declare_errors(404, 406, 422))
def get_example(example: Annotated[Example, Depends(known)], kind: WantedFormat) -> Response:
    """One worked example: requests for a chain, and what they are answered."""
    document = worked(example)
    cases = {case["title"]: case["result"] for case in document["cases"]}
    rows = [{"case": title, **layer} for title, result in cases.items() for layer in result["layers"]]
    return answer(
        kind,
        example.name,
        document=lambda: document,
        table=lambda: Table.of_objects({"case": "string", **CHAIN_COLUMNS}, rows),
        drawing=lambda: chain_drawing(example.title, cases),
    )


@router.post("/clip", response_model=Clipped, responses=CLIP_FILES | REFUSED)
def clip(wanted: ClipSpec, kind: WantedFormat) -> Response:
    """A gradient clipped by value or by norm, as an optimizer would get it."""
    gradient = np.array(wanted.gradient)
    clipped = gradients.clip(gradient, by=wanted.by, threshold=wanted.threshold)
    columns = {"gradient": gradient, "clipped": clipped.gradient}
    return answer(
        kind,
        "clip",
        document=lambda: {**columns, "norm": clipped.norm, "scale": clipped.scale},
        table=lambda: Table({"gradient": "float64", "clipped": "float64"}, columns),
        drawing=lambda: clip_drawing(wanted, gradient, clipped.gradient),
    )


@router.post("/propagation", response_model=Propagation, responses=PROPAGATION_FILES | REFUSED)
async def propagate(wanted: PropagationSpec, kind: WantedFormat) -> Response:
    """Signal and gradient, layer by layer, through a deep random network: vanishing, exploding, or kept."""
    return await to_thread.run_sync(propagated, wanted, kind, limiter=ONE_AT_A_TIME)


def propagated(wanted: PropagationSpec, kind: Format) -> Response:
    network = wanted.model_dump() | {"initializer": wanted.drawn_by()}
    activation = catalog.find(network["activation"])
    layers = [*map(asdict, propagation.propagate(**network | {"activation": activation}))]
    document = {**network, "layers": layers}
    return answer(
        kind,
        "propagation",
        document=lambda: document,
        table=lambda: Table.of_objects(PROPAGATION_COLUMNS, layers),
        drawing=lambda: propagation_drawing(document),
    )


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
