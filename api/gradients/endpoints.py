"""The article's worked examples, for any input: chains of layers, clipping, and what depth does to a gradient."""

import functools
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, HTTPException, Path
from starlette.responses import Response

from activations import gradients, propagation
from api.activations.lookup import complete
from api.dependencies import Sessions
from api.gradients.drawings import draw_chain, draw_clip, draw_propagation
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
from api.http.auth import RequestHolder
from api.http.formats import DRAWINGS, TABLE_OR_DRAWING, Format
from api.http.negotiation import offer
from api.http.numbers import ExactJSON
from api.http.responses import declare_errors, declare_files
from api.http.routing import Route
from api.http.tables import Table, Types
from api.http.threads import draws_or_packs, heavy
from article.examples import EXAMPLES, Example
from jobs.errors import Busy, DatabaseUnavailable
from jobs.spec import InvalidSpec, resolve_initializer

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
REFUSED = declare_errors(400, 406, 413, 415, 422, Busy, DatabaseUnavailable)

ONE_AT_A_TIME = CapacityLimiter(1)
"""For propagations, each of which holds up to 0.5 GB for seconds and has threads of its own."""
MAX_STEPS = 500_000_000
"""Operations of a formula, of one pass of a propagation: some ten seconds."""
FEW = 1000
"""Elements of a gradient that are clipped and written within a few milliseconds."""

router = APIRouter(prefix="/gradients", tags=["gradients"], route_class=Route)
WantedFormat = Annotated[Format, Depends(offer(*TABLE_OR_DRAWING))]


@router.post("/chain", name="chain", response_model=Chain, responses=CHAIN_FILES | REFUSED)
@heavy(draws_or_packs)
def compute_chain(asked: ChainSpec, kind: WantedFormat, sessions: Sessions, holder: RequestHolder) -> Response:
    """Compute the gradient of a chain of layers, factor by factor, and the step of gradient descent that it makes."""
    spec = complete(asked, sessions, holder)
    solution = solve(spec)
    return answer(
        kind,
        "chain",
        document=lambda: solution,
        table=lambda: Table.of_objects(CHAIN_COLUMNS, solution["layers"]),
        drawing=lambda: draw_chain(f"Gradients of a chain, {spec.activation}", {spec.activation: solution}),
    )


@router.get("/examples", response_model=ExampleList)
def list_examples() -> Response:
    """List the article's three examples: a gradient that vanishes, one that explodes, and a dead ReLU."""
    return ExactJSON({"data": [*map(compute_example, EXAMPLES.values())]})


async def find_example(name: Annotated[str, Path(description="Of an example.", examples=["exploding"])]) -> Example:
    if name not in EXAMPLES:
        raise HTTPException(404, f"unknown example {name!r}; known: {', '.join(EXAMPLES)}")
    return EXAMPLES[name]


@router.get(
    "/examples/{name}",
    response_model=ExampleOut,
    responses=EXAMPLE_FILES | declare_errors(404, 406, 422, Busy, DatabaseUnavailable),
)
@heavy(draws_or_packs)
def get_example(example: Annotated[Example, Depends(find_example)], kind: WantedFormat) -> Response:
    """Get one worked example: requests for a chain, and their answers."""
    document = compute_example(example)
    cases = {case["title"]: case["result"] for case in document["cases"]}
    rows = [{"case": title, **layer} for title, result in cases.items() for layer in result["layers"]]
    return answer(
        kind,
        example.name,
        document=lambda: document,
        table=lambda: Table.of_objects({"case": "string", **CHAIN_COLUMNS}, rows),
        drawing=lambda: draw_chain(example.title, cases),
    )


def is_drawn_or_long(*, spec: ClipSpec, kind: Format, **_: object) -> bool:
    return len(spec.gradient) > FEW or draws_or_packs(kind=kind)


@router.post("/clip", response_model=Clipped, responses=CLIP_FILES | REFUSED)
@heavy(is_drawn_or_long)
def clip(spec: ClipSpec, kind: WantedFormat) -> Response:
    """Clip a gradient by value or by norm, as an optimizer would get it."""
    gradient = np.array(spec.gradient)
    clipped = gradients.clip(gradient, by=spec.by, threshold=spec.threshold)
    columns = {"gradient": gradient, "clipped": clipped.gradient}
    return answer(
        kind,
        "clip",
        document=lambda: {**columns, "norm": clipped.norm, "scale": clipped.scale},
        table=lambda: Table({"gradient": "float64", "clipped": "float64"}, columns),
        drawing=lambda: draw_clip(spec, gradient, clipped.gradient),
    )


@router.post("/propagation", response_model=Propagation, responses=PROPAGATION_FILES | REFUSED)
@heavy(limiter=ONE_AT_A_TIME)
def propagate(asked: PropagationSpec, kind: WantedFormat, sessions: Sessions, holder: RequestHolder) -> Response:
    """Propagate signal and gradient, layer by layer, through a deep random network: vanishing, exploding, or kept."""
    spec = complete(asked, sessions, holder)
    refuse_long_formula(spec)
    network = spec.model_dump() | {"initializer": resolve_initializer(spec.initializer, spec)}
    drawn = spec.model_dump(exclude={"formula"}) | {"initializer": network["initializer"]}
    layers = [*map(asdict, propagation.propagate(**drawn | {"activation": spec.function}))]
    document = {**network, "layers": layers}
    return answer(
        kind,
        "propagation",
        document=lambda: document,
        table=lambda: Table.of_objects(PROPAGATION_COLUMNS, layers),
        drawing=lambda: draw_propagation(document),
    )


def refuse_long_formula(spec: PropagationSpec) -> None:
    """Raises InvalidSpec: the formula would be computed for too many units; the catalog's functions are short."""
    formula, units = spec.function.formula, spec.depth * spec.width * spec.samples
    most = MAX_STEPS // max(1, len(formula.program.steps)) if formula else units
    if units > most:
        raise InvalidSpec({"/depth": f"depth * width * samples is {units:,}; at most {most:,} with this formula"})


def solve(spec: ChainSpec) -> dict[str, Any]:
    """Compute what Chain has."""
    slopes = spec.derivatives()
    factors = gradients.factors(slopes, spec.weights, spec.upstream)
    by_layer = gradients.layer_gradients(factors)
    clipped = gradients.bounded(by_layer[0], spec.clip.threshold if spec.clip else math.inf)
    inputs: Sequence[float | None] = spec.pre_activations or [None] * len(slopes)
    rows = zip(inputs, slopes, by_layer, strict=True)
    updated = functools.partial(gradients.updated, spec.parameter, clipped, learning_rate=spec.learning_rate)
    return {
        "activation": spec.activation,
        "formula": spec.formula,
        "parameters": spec.parameters,
        "factors": factors,
        "gradient": by_layer[0],
        "clipped_gradient": clipped,
        "updated_parameter": updated(),
        "parameter_float32": gradients.float32(spec.parameter),
        "updated_parameter_float32": updated(precision=np.float32),
        "layers": [dict(zip(CHAIN_COLUMNS, (layer, *row), strict=True)) for layer, row in enumerate(rows, start=1)],
    }


def compute_example(example: Example) -> dict[str, Any]:
    """Compute what ExampleOut has."""
    requests = {case.title: ChainSpec.model_validate(case.request) for case in example.cases}
    return asdict(example) | {
        "cases": [
            {"title": title, "request": request.model_dump(), "result": solve(request)}
            for title, request in requests.items()
        ]
    }
