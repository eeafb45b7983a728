"""Sweeps: the article's loop, and grid search."""

import logging
from collections.abc import Mapping

from fastapi import APIRouter, Response

from activations.custom import Definition
from api.dependencies import Hints, Sessions, Settings
from api.http.auth import RequestHolder, VisibleOwner
from api.http.numbers import ExactJSON
from api.http.paging import Cursor, Limit
from api.http.responses import declare_errors
from api.http.routing import Route
from api.jobs.submission import ACCEPTED, REFUSED, SubmissionTerms, make_headers
from api.sweeps.models import SweepDetail, SweepPage
from api.sweeps.parameters import SweepId
from api.sweeps.summary import summarize, summarize_with_table
from broker.reconciler import dispatch
from db import activations, sweep_results, sweeps
from db import session as database
from db.models import Sweep
from jobs.access import Holder
from jobs.errors import DatabaseUnavailable, InvalidCursor, SweepFinished, SweepNotFound
from jobs.spec import list_custom_names
from jobs.sweep import SweepSpec, expand

log = logging.getLogger(__name__)

router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=Route)


@router.post("", status_code=202, responses=ACCEPTED | REFUSED, response_model=SweepDetail)
def submit(
    spec: SweepSpec,
    sessions: Sessions,
    hints: Hints,
    terms: SubmissionTerms,
    settings: Settings,
    holder: RequestHolder,
) -> Response:
    """Accept a sweep with all of its jobs, or none of them. They are trained seed by seed."""
    replay, definitions = look_up(sessions, spec, holder, terms["idempotency_key"])
    if replay is not None:
        return answer_accepted(read_detail(sessions, replay.id), replayed=True)
    specs = expand(spec, definitions, max_training_mb=settings.max_training_mb)
    with sessions.begin() as session:
        sweep, job_ids, replayed = sweeps.create(session, spec, specs, **terms)
    out = read_detail(sessions, sweep.id)  # after the commit: meanwhile others can write
    if not replayed:
        log.info("sweep accepted", extra={"sweep_id": out.id, "jobs": len(job_ids)})
    dispatch(sessions, hints, [*job_ids])
    return answer_accepted(out, replayed=replayed)


def look_up(
    sessions: database.Sessions, spec: SweepSpec, holder: Holder, idempotency_key: str | None
) -> tuple[Sweep | None, Mapping[str, Definition]]:
    """Look up the definitions of activations that are not of the catalog; or the sweep that the key has created.

    That one is found also when an activation has been deleted since.
    """
    if not list_custom_names(spec.activations):
        return None, {}
    with sessions.read() as session:
        replay = sweeps.find_created(session, spec, owner=holder.owner, idempotency_key=idempotency_key)
        return replay, {} if replay else activations.find_definitions(session, spec.activations, holder)


def answer_accepted(out: SweepDetail, *, replayed: bool) -> Response:
    return ExactJSON(out.model_dump(), 202, make_headers(out.links.self, replayed=replayed))


@router.get("", responses=declare_errors(InvalidCursor, 422, DatabaseUnavailable))
def list_sweeps(
    sessions: Sessions,
    owner: VisibleOwner,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> SweepPage:
    """List sweeps, newest first, without their tables."""
    with sessions.read() as session:
        page = sweeps.read_page(session, limit=limit, cursor=cursor, owner=owner)
    return SweepPage(data=[summarize(record) for record in page.records], next_cursor=page.next_cursor)


@router.get(
    "/{sweep_id}", responses=declare_errors(SweepNotFound, 422, DatabaseUnavailable), response_model=SweepDetail
)
def get_sweep(sweep_id: SweepId, sessions: Sessions) -> Response:
    """Read a sweep: its progress, and its table, a row a configuration, with means and 95 % intervals over the seeds.

    A retry of one of its jobs is a job outside the sweep. A deleted job no longer counts in its figures; a sweep is
    deleted with its last job.
    """
    return ExactJSON(read_detail(sessions, sweep_id).model_dump())


@router.post(
    "/{sweep_id}/cancel",
    status_code=202,
    responses=declare_errors(SweepNotFound, SweepFinished, 422, DatabaseUnavailable),
    response_model=SweepDetail,
)
def cancel(sweep_id: SweepId, sessions: Sessions) -> Response:
    """Cancel its queued jobs at once, the running ones at their next batch; cancelling again is idempotent."""
    with sessions.begin() as session:
        sweeps.request_cancel(session, sweep_id)
    return ExactJSON(read_detail(sessions, sweep_id).model_dump(), 202)


def read_detail(sessions: database.Sessions, sweep_id: str) -> SweepDetail:
    with sessions.read() as session:
        return summarize_with_table(*sweep_results.read_table(session, sweep_id))
