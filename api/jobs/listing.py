"""The list of jobs: filtered, sorted, page by page."""

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.exceptions import RequestValidationError

from api.dependencies import Sessions
from api.http.auth import VisibleOwner
from api.http.paging import Cursor, Limit
from api.http.responses import declare_errors
from api.http.routing import Route, Undeclared
from api.http.samples import EXAMPLE_ID
from api.http.validation import make_refusal
from api.jobs.documents import describe, encode_document
from api.jobs.models import JobPage
from db import job_list
from jobs.errors import DatabaseUnavailable, InvalidCursor
from jobs.state import JobState

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=Route)

Sort = Literal[
    "created_at", "-created_at", "started_at", "-started_at", "finished_at", "-finished_at",
    "best_val_loss", "-best_val_loss", "best_val_accuracy", "-best_val_accuracy", "epoch_seconds", "-epoch_seconds",
]  # fmt: skip
METADATA_FILTER = re.compile(r"metadata\[(.+)\]")
MAX_METADATA_FILTERS = 16
MAX_NAMES = 64


async def read_metadata_filter(undeclared: Undeclared) -> dict[str, str]:
    """Read `metadata[key]=value`, which no declared parameter can express; refuse any other undeclared parameter."""
    found = {}
    for name, value in undeclared.items():
        match = METADATA_FILTER.fullmatch(name)
        if match is None:
            raise RequestValidationError([make_refusal(("query", name), "unknown query parameter", value)])
        found[match[1]] = value
    if len(found) > MAX_METADATA_FILTERS:
        message = f"{len(found)} metadata filters are given; the maximum is {MAX_METADATA_FILTERS}"
        raise RequestValidationError([make_refusal(("query", "metadata"), message, None)])
    return found


@router.get("", responses=declare_errors(InvalidCursor, 422, DatabaseUnavailable), response_model=JobPage)
def list_jobs(
    sessions: Sessions,
    owner: VisibleOwner,
    metadata: Annotated[dict[str, str], Depends(read_metadata_filter)],
    state: Annotated[
        list[JobState],
        Query(
            max_length=MAX_NAMES, description="Only jobs in this state, or in one of these.", examples=[["succeeded"]]
        ),
    ] = [],  # noqa: B006  # FastAPI copies it
    activation: Annotated[
        list[str],
        Query(
            max_length=MAX_NAMES, description="Only jobs of this activation, or of one of these.", examples=[["gelu"]]
        ),
    ] = [],  # noqa: B006
    sweep_id: Annotated[str | None, Query(description="Only jobs of this sweep.", examples=[EXAMPLE_ID])] = None,
    sort: Annotated[Sort, Query(description="Descending after -; jobs without the value come last.")] = "-created_at",
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """List jobs, newest first unless sorted otherwise; also by metadata: `metadata[key]=value`, at most 16 of these."""
    filters = job_list.Filters(state, activation, sweep_id, metadata, owner)
    with sessions.read() as session:
        page = job_list.read_page(session, filters, sort=sort, limit=limit, cursor=cursor)
    document = {"data": [*map(describe, page.records)], "next_cursor": page.next_cursor, "total": page.total}
    return Response(encode_document(document), media_type="application/json")
