"""Activations of one's own: defined by a formula, previewed and deleted."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response

from activations import catalog
from activations.custom import make_activation
from api.activations.curves import Grid, describe_curve
from api.activations.descriptions import describe, preview
from api.activations.models import ActivationIn, ActivationOut, PreviewIn, PreviewOut
from api.activations.routes import NameRoute
from api.dependencies import Sessions, Settings
from api.http.auth import RequestHolder
from api.http.numbers import ExactJSON
from api.http.prefix import add_prefix
from api.http.responses import Responses, declare_errors
from db import activations
from jobs.errors import ActivationExists, ActivationInUse, DatabaseUnavailable, TooManyActivations

PREVIEW = "preview"
DEFINED: Responses = {
    200: {"description": "It was defined already, so; perhaps under another title."},
    201: {
        "description": "Defined.",
        "headers": {"Location": {"description": "The URL of the activation.", "schema": {"type": "string"}}},
    },
}


router = APIRouter(prefix="/activations", tags=["activations"], route_class=NameRoute)


@router.post(
    "",
    status_code=201,
    responses=DEFINED | declare_errors(400, 413, 415, 422, ActivationExists, TooManyActivations, DatabaseUnavailable),
)
def define(
    asked: ActivationIn, sessions: Sessions, settings: Settings, holder: RequestHolder, response: Response
) -> ActivationOut:
    """Define an activation of your own, by a formula. The same name and formula again change nothing.

    It is differentiated by rules, and used by its name wherever an activation is named. A job keeps its formula, also
    after the activation is deleted.
    """
    if asked.name in catalog.ACTIVATIONS:
        raise ActivationExists(f"{asked.name} is of the catalog; choose another name")
    with sessions.begin() as session:
        definition, replayed = activations.create(
            session, asked.make_definition(asked.name), owner=holder.owner, most=settings.max_activations_per_owner
        )
    response.status_code = 200 if replayed else 201
    response.headers["Location"] = add_prefix(f"/v1/activations/{definition.name}")
    return describe(make_activation(definition), holder.owner)


@router.post(
    f"/{PREVIEW}",
    name="preview",
    response_model=PreviewOut,
    responses=declare_errors(400, 413, 415, 422),
)
def preview_formula(asked: PreviewIn) -> Response:
    """Preview a formula: what an activation of it would be, and its curve. Nothing is stored."""
    activation = make_activation(asked.make_definition(PREVIEW))
    document = preview(activation).model_dump()
    if asked.curve is not None:
        grid = Grid(asked.curve.start, asked.curve.stop, asked.curve.points)
        document["curve"] = describe_curve(activation, activation.complete({}), grid.list_numbers())
    return ExactJSON(document)


@router.delete(
    "/{name}",
    status_code=204,
    responses=declare_errors(404, 405, ActivationInUse, 422, DatabaseUnavailable),
)
def delete(
    name: Annotated[str, Path(description="The name of one of your own.", examples=["swishy"])],
    sessions: Sessions,
    holder: RequestHolder,
) -> None:
    """Delete an activation of your own, unless a queued or running job has it; others are 405.

    Jobs that have ended keep its formula, and can be retried.
    """
    with sessions.begin() as session:
        deleted = activations.remove(session, name, holder)
    if not deleted:
        raise HTTPException(404, str(catalog.UnknownActivation(name)))
