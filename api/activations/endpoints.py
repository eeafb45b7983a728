"""Activations over HTTP, listed and evaluated: answered here, without torch."""
# ruff: noqa: FAST003  # `name` reaches the endpoints as the activation it names, see api.activations.lookup

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from activations import catalog
from activations.catalog import Activation, InvalidParameter
from activations.custom import make_activation
from api.activations.descriptions import describe
from api.activations.lookup import Known, KnownActivation, find_known
from api.activations.models import ActivationList, ActivationOut, Evaluate, Evaluation
from api.activations.routes import NameRoute
from api.activations.values import COLUMNS, are_few, compute
from api.dependencies import Sessions
from api.http.answers import answer
from api.http.auth import VisibleOwner
from api.http.formats import Format
from api.http.negotiation import offer
from api.http.numbers import mark_with_reasons
from api.http.paging import Cursor, Limit
from api.http.responses import declare_errors, declare_files
from api.http.tables import Table
from api.http.threads import heavy
from api.http.validation import make_refusal
from db import activations
from jobs.errors import Busy, DatabaseUnavailable, InvalidCursor
from runtime.settings import MAX_STORED_ACTIVATIONS

NOT_FOUND = declare_errors(404, 405, 422, DatabaseUnavailable)
FILES = declare_files("x,value,derivative\r\n1.0,1.0,1.0\r\n")
REFUSED = declare_errors(400, 404, 406, 413, 415, 422, Busy, DatabaseUnavailable)

router = APIRouter(prefix="/activations", tags=["activations"], route_class=NameRoute)
WantedFormat = Annotated[Format, Depends(offer(Format.JSON, Format.CSV))]


def is_long(*, activation: Activation, request: Evaluate, **_: object) -> bool:
    return not are_few(activation, len(request.x))


@router.get("", responses=declare_errors(InvalidCursor, 422, DatabaseUnavailable))
def list_activations(
    sessions: Sessions, owner: VisibleOwner, limit: Limit = MAX_STORED_ACTIVATIONS, cursor: Cursor = None
) -> ActivationList:
    """List the catalog, the article's six activations first, and then those that you have defined.

    Those of the catalog are all on the first page, beside the limit.
    """
    with sessions.read() as session:
        page = activations.read_page(session, sees=owner, limit=limit, cursor=cursor)
    own = [describe(make_activation(stored.definition), stored.owner) for stored in page.activations]
    of_catalog = map(describe, catalog.ACTIVATIONS.values()) if cursor is None else ()
    return ActivationList(data=(*of_catalog, *own), next_cursor=page.next_cursor)


@router.get("/{name}", responses=NOT_FOUND)
def get_activation(known: Annotated[Known, Depends(find_known)]) -> ActivationOut:
    """Get one activation, with its formulas, parameters and properties."""
    return describe(known.activation, known.owner)


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
    found = compute(activation, parameters, np.fromiter(request.x, np.float64, len(request.x)))
    document = {"name": activation.name, "parameters": parameters, **found.columns}
    return answer(
        kind,
        f"{activation.name}-evaluation",
        document=lambda: mark_with_reasons(document, found.reasons),
        table=lambda: Table(COLUMNS, found.columns),
    )
