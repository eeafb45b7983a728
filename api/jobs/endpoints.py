"""Training jobs: submit, find, cancel, retry, delete."""

import logging
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError

from api.dependencies import Hints, Sessions, Settings
from api.http import conditional
from api.http.auth import RequestHolder
from api.http.responses import declare_errors
from api.http.routing import Route
from api.http.validation import make_refusal
from api.jobs.documents import encode, locate
from api.jobs.models import JobOut
from api.jobs.parameters import JobId
from api.jobs.submission import ACCEPTED, REFUSED, SubmissionTerms, make_headers
from broker.reconciler import dispatch
from db import jobs
from db.job_records import JobRecord, find_record
from jobs.bounds import find_excess
from jobs.errors import (
    DatabaseUnavailable,
    IdempotencyConflict,
    JobFinished,
    JobNotFinished,
    JobNotFound,
    StorageUnavailable,
    TooManyJobs,
    UnsupportedSpec,
)
from jobs.spec import JobSpec
from storage import files

log = logging.getLogger(__name__)

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=Route)


@router.post("", status_code=202, responses=ACCEPTED | REFUSED, response_model=JobOut)
def submit(
    spec: JobSpec,
    sessions: Sessions,
    hints: Hints,
    terms: SubmissionTerms,
    settings: Settings,
    holder: RequestHolder,
) -> Response:
    """Accept a training job. It is stored once this answers, even while the broker is away."""
    refuse_excess(spec, settings.max_training_mb)
    with sessions.begin() as session:
        record, replayed = jobs.create(session, spec, **terms, holder=holder)
    return answer_accepted(record, sessions, hints, replayed=replayed)


@router.get(
    "/{job_id}",
    responses=conditional.UNCHANGED | declare_errors(JobNotFound, 412, 422, DatabaseUnavailable),
    response_model=JobOut,
)
def get_job(job_id: JobId, request: Request, sessions: Sessions) -> Response:
    """Get one job, with an ETag: a request with If-None-Match gets 304 while nothing has changed."""
    with sessions.read() as session:
        record = find_record(session, job_id)
    body, etag = encode(record)
    unmodified = conditional.answer_unmodified(request.headers, {"ETag": etag})
    return unmodified or Response(body, media_type="application/json", headers={"ETag": etag})


@router.post(
    "/{job_id}/cancel",
    status_code=202,
    responses=declare_errors(JobNotFound, JobFinished, 422, DatabaseUnavailable),
    response_model=JobOut,
)
def cancel(job_id: JobId, sessions: Sessions) -> Response:
    """Cancel a queued job at once, a running one at its next batch; idempotent."""
    with sessions.begin() as session:
        jobs.request_cancel(session, job_id)
    with sessions.read() as session:
        record = find_record(session, job_id)
    return answer(record, 202)


@router.post(
    "/{job_id}/retry",
    status_code=202,
    responses=ACCEPTED
    | declare_errors(
        JobNotFound, JobNotFinished, UnsupportedSpec, 422, IdempotencyConflict, TooManyJobs, DatabaseUnavailable
    ),
    response_model=JobOut,
)
def retry(job_id: JobId, sessions: Sessions, hints: Hints, terms: SubmissionTerms) -> Response:
    """Run an ended job's spec again, as a new job."""
    with sessions.begin() as session:
        record, replayed = jobs.retry(session, job_id, **terms)
    return answer_accepted(record, sessions, hints, replayed=replayed)


def refuse_excess(spec: JobSpec, max_training_mb: float) -> None:
    if excess := find_excess(spec, max_training_mb=max_training_mb):
        raise RequestValidationError([make_refusal(("body", field), text, None) for field, text in excess.items()])


def answer_accepted(record: JobRecord, sessions: Sessions, hints: Hints, *, replayed: bool) -> Response:
    if not replayed:
        again = {"retry_of": record.job.retry_of} if record.job.retry_of else {}
        log.info("job accepted", extra={"job_id": record.id, **again})
        dispatch(sessions, hints, [record.id])
    return answer(record, 202, make_headers(locate(record.id), replayed=replayed))


def answer(record: JobRecord, status: int, headers: Mapping[str, str] | None = None) -> Response:
    body, _ = encode(record)
    return Response(body, status, headers, media_type="application/json")


@router.delete(
    "/{job_id}",
    status_code=204,
    responses=declare_errors(JobNotFound, JobNotFinished, 412, 422, DatabaseUnavailable, StorageUnavailable),
)
def delete(job_id: JobId, request: Request, sessions: Sessions, settings: Settings) -> None:
    """Delete an ended job: its rows, its epochs and its checkpoint files; with If-Match, only if it has that ETag."""
    with sessions.read() as session:
        jobs.refuse_unremovable(session, job_id)
        _, etag = encode(find_record(session, job_id))
    # last: conditions do not apply to a request that fails anyway
    conditional.require_conditions(request.headers, etag=etag)
    # Before the rows, so that no file outlives its job; and outside of any transaction, as storage may be slow.
    delete_checkpoints(settings.checkpoints, job_id)
    with sessions.begin() as session:
        jobs.remove(session, job_id)


def delete_checkpoints(checkpoints_url: str, job_id: str) -> None:
    try:
        files.delete_folder(files.join(checkpoints_url, job_id))
    except OSError as error:
        raise StorageUnavailable from error
