"""Training jobs: submit, find, cancel, retry, delete; their histories."""

import logging
import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from api.dependencies import Hints, Sessions, Settings
from api.http import conditional, formats
from api.http.answers import answer
from api.http.auth import KeyHolder
from api.http.formats import Format
from api.http.negotiation import offer
from api.http.out import Out
from api.http.responses import declare_errors, declare_files
from api.http.routing import Route, Undeclared
from api.http.tables import ColumnType, Table, Types
from api.http.validation import invalid_value
from api.jobs.models import EpochOut, JobOut, JobPage, tagged
from broker.reconciler import dispatch
from db import history, job_list, jobs
from db.models import Epoch, Job, Layer
from jobs.errors import (
    DatabaseUnavailable,
    IdempotencyConflict,
    InvalidCursor,
    JobFinished,
    JobNotFinished,
    JobNotFound,
    StorageUnavailable,
    TooManyJobs,
)
from jobs.metrics import ALWAYS_MEASURED
from jobs.spec import NO_NUL, JobSpec
from jobs.state import JobState
from storage import files

log = logging.getLogger(__name__)

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=Route)

JobId = Annotated[
    str,
    Path(
        description="The job's id.", pattern=NO_NUL, max_length=100, examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"]
    ),
]
MAX_NUMBER = 2**31 - 1  # of an epoch or an event: the database's integer
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="Makes the request safe to repeat: sent again with its key, it makes nothing more and is answered "
        "with what the first one made. Another request with the key is 422. Every holder of an API key has keys of "
        "their own.",
        examples=["my-experiment-17"],
    ),
]
Sort = Literal[
    "created_at", "-created_at", "started_at", "-started_at", "finished_at", "-finished_at",
    "best_val_loss", "-best_val_loss", "best_val_accuracy", "-best_val_accuracy", "epoch_seconds", "-epoch_seconds",
]  # fmt: skip
EPOCH_COLUMNS: dict[str, ColumnType] = {
    "epoch": "int64",
    "attempt": "int64",
    "loss": "float64",
    "accuracy": "float64",
    "binary_accuracy": "float64",
    "val_loss": "float64",
    "val_accuracy": "float64",
    "val_binary_accuracy": "float64",
    "learning_rate": "float64",
    "epoch_seconds": "float64",
    "images_per_second": "float64",
    "recorded_at": "timestamp",
}
LAYER_COLUMNS: dict[str, ColumnType] = {
    "epoch": "int64",
    "layer": "string",
    "gradient_norm": "float64",
    "update_ratio": "float64",
    "activation_mean": "float64",
    "activation_variance": "float64",
    "zero_fraction": "float64",
    "dead_fraction": "float64",
    "saturated_fraction": "float64",
    "clipped_fraction": "float64",
}
CREATED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "Accepted, and safe.",
        "headers": {
            "Location": {"description": "Where it is.", "schema": {"type": "string"}},
            "Idempotency-Replayed": {
                "description": "true where this Idempotency-Key was answered before; else absent.",
                "schema": {"type": "string", "enum": ["true"]},
            },
        },
    }
}
REFUSED = declare_errors(400, 413, 415, 422, IdempotencyConflict, TooManyJobs, DatabaseUnavailable)
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "It is still as the ETag in If-None-Match says."}}
EPOCH_FILES = declare_files(
    "epoch,attempt,loss,accuracy,binary_accuracy,val_loss,val_accuracy,val_binary_accuracy,learning_rate,epoch_seconds,"
    "images_per_second,recorded_at\r\n1,1,0.0403,0.932,0.986,0.0097,0.982,0.9965,0.001,31.4,1690.0,2026-11-23T09:30:00.000000Z\r\n",
    Format.NDJSON,
    Format.PARQUET,
)
LAYER_FILES = declare_files(
    "epoch,layer,gradient_norm,update_ratio,activation_mean,activation_variance,zero_fraction,dead_fraction,"
    "saturated_fraction,clipped_fraction\r\n1,conv1,0.12,0.001,0.21,0.18,0.41,0.0,0.02,0.0\r\n",
    Format.NDJSON,
    Format.PARQUET,
)
METADATA_FILTER = re.compile(r"metadata\[(.+)\]")
HistoryFormat = Annotated[Format, Depends(offer(*formats.TABLES))]


class History(Out):
    job_id: str = Field(description="Whose history it is.", examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"])
    epochs: list[EpochOut] = Field(description="Every epoch, oldest first.")


class LayerOut(Out):
    """One layer after one epoch, on the probe batch. Null: the figure has no meaning for this layer."""

    epoch: int = Field(description="1-based.", examples=[1])
    layer: str = Field(description="Which layer, from the input to the output.", examples=["conv1"])
    gradient_norm: float | None = Field(description="L2 norm of the gradient of its weights.", examples=[0.12])
    update_ratio: float | None = Field(description="L2 norm of the last update over the weights'.", examples=[0.001])
    activation_mean: float | None = Field(description="Mean of its outputs.", examples=[0.21])
    activation_variance: float | None = Field(description="Variance of its outputs.", examples=[0.18])
    zero_fraction: float | None = Field(description="Outputs that are exactly 0, 0 to 1.", examples=[0.41])
    dead_fraction: float | None = Field(description="Units with no gradient for any image, 0 to 1.", examples=[0.0])
    saturated_fraction: float | None = Field(description="Outputs with almost no slope, 0 to 1.", examples=[0.02])
    clipped_fraction: float | None = Field(description="Gradient elements that clipping changed.", examples=[0.0])


class Layers(Out):
    job_id: str = Field(description="Whose layers they are.", examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"])
    layers: list[LayerOut] = Field(description="By epoch, from the input to the output.")


@router.post("", status_code=202, responses=CREATED | REFUSED)
def submit(
    spec: JobSpec,
    response: Response,
    sessions: Sessions,
    queue: Hints,
    settings: Settings,
    holder: KeyHolder,
    idempotency_key: IdempotencyKey = None,
) -> JobOut:
    """Accept a training job. It is safe once this answers, also while the broker is away."""
    with sessions.begin() as session:
        job, replayed = jobs.create(
            session,
            spec,
            max_unfinished=settings.max_unfinished_jobs,
            idempotency_key=idempotency_key,
            key_holder=holder,
        )
    return accepted(job, response, sessions, queue, replayed=replayed)


def accepted(job: Job, response: Response, sessions: Sessions, queue: Hints, *, replayed: bool) -> JobOut:
    """The answer, read after the commit: meanwhile others can write."""
    with sessions.read() as session:
        out = JobOut.of(job_list.find_record(session, job.id))
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    else:
        log.info("job accepted", extra={"job_id": out.id, **({"retry_of": job.retry_of} if job.retry_of else {})})
        dispatch(sessions, queue, [out.id])
    response.headers["Location"] = out.links.self
    return out


def metadata_filter(undeclared: Undeclared) -> dict[str, str]:
    """`metadata[key]=value`, which no declared parameter can express; any other undeclared parameter is refused."""
    found = {}
    for name, value in undeclared.items():
        match = METADATA_FILTER.fullmatch(name)
        if match is None:
            raise RequestValidationError([invalid_value(("query", name), "unknown query parameter", value)])
        found[match[1]] = value
    return found


@router.get("", responses=declare_errors(InvalidCursor, 422, DatabaseUnavailable))
def list_jobs(
    sessions: Sessions,
    metadata: Annotated[dict[str, str], Depends(metadata_filter)],
    state: Annotated[
        list[JobState], Query(description="Only jobs in this state, or in one of these.", examples=[["succeeded"]])
    ] = [],  # noqa: B006  # FastAPI copies it
    activation: Annotated[
        list[str], Query(description="Only jobs of this activation, or of one of these.", examples=[["gelu"]])
    ] = [],  # noqa: B006
    sweep_id: Annotated[
        str | None, Query(description="Only jobs of this sweep.", examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"])
    ] = None,
    sort: Annotated[Sort, Query(description="Descending after -; jobs without the value come last.")] = "-created_at",
    limit: Annotated[int, Query(ge=1, le=200, description="Jobs a page.")] = 20,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.", examples=[None])] = None,
) -> JobPage:
    """Jobs, newest first unless sorted otherwise; also by metadata: `metadata[key]=value`."""
    filters = job_list.Filters(state, activation, sweep_id, metadata)
    with sessions.read() as session:
        page = job_list.read_page(session, filters, sort=sort, limit=limit, cursor=cursor)
        data = [JobOut.of(record) for record in page.records]
    return JobPage(data=data, next_cursor=page.next_cursor, total=page.total)


@router.get(
    "/{job_id}", responses=UNCHANGED | declare_errors(JobNotFound, 412, 422, DatabaseUnavailable), response_model=JobOut
)
def get_job(job_id: JobId, request: Request, sessions: Sessions) -> Response:
    """One job, with an ETag: ask with If-None-Match to get 304 while nothing has changed."""
    with sessions.read() as session:
        out = JobOut.of(job_list.find_record(session, job_id))
    body, etag = tagged(out)
    unmodified = conditional.not_modified(request.headers, {"ETag": etag})
    return unmodified or Response(body, media_type="application/json", headers={"ETag": etag})


@router.post(
    "/{job_id}/cancel", status_code=202, responses=declare_errors(JobNotFound, JobFinished, 422, DatabaseUnavailable)
)
def cancel(job_id: JobId, sessions: Sessions) -> JobOut:
    """Cancel a queued job at once, a running one at its next batch; twice is as good as once."""
    with sessions.begin() as session:
        jobs.request_cancel(session, job_id)
    with sessions.read() as session:
        return JobOut.of(job_list.find_record(session, job_id))


@router.post(
    "/{job_id}/retry",
    status_code=202,
    responses=CREATED
    | declare_errors(JobNotFound, JobNotFinished, 422, IdempotencyConflict, TooManyJobs, DatabaseUnavailable),
)
def retry(
    job_id: JobId,
    response: Response,
    sessions: Sessions,
    queue: Hints,
    settings: Settings,
    holder: KeyHolder,
    idempotency_key: IdempotencyKey = None,
) -> JobOut:
    """Run an ended job's spec again, as a new job."""
    with sessions.begin() as session:
        job, replayed = jobs.retry(
            session,
            job_id,
            max_unfinished=settings.max_unfinished_jobs,
            idempotency_key=idempotency_key,
            key_holder=holder,
        )
    return accepted(job, response, sessions, queue, replayed=replayed)


@router.delete(
    "/{job_id}",
    status_code=204,
    responses=declare_errors(JobNotFound, JobNotFinished, 412, 422, DatabaseUnavailable, StorageUnavailable),
)
def delete(job_id: JobId, request: Request, sessions: Sessions, settings: Settings) -> None:
    """Delete an ended job: its rows, its epochs and its checkpoint files. If-Match names the job as it must be."""
    with sessions.read() as session:
        jobs.refuse_unremovable(session, job_id)
        _, etag = tagged(JobOut.of(job_list.find_record(session, job_id)))
    conditional.require(request.headers, etag=etag)  # last: a request that fails anyway has no conditions
    # Before the rows: files that stay keep their job. And in no transaction: storage may take its time.
    delete_checkpoints(settings.checkpoints, job_id)
    with sessions.begin() as session:
        jobs.remove(session, job_id)


def delete_checkpoints(checkpoints_url: str, job_id: str) -> None:
    try:
        files.delete_folder(files.below(checkpoints_url, job_id))
    except OSError as error:
        raise StorageUnavailable from error


@router.get(
    "/{job_id}/history",
    name="history",
    responses=EPOCH_FILES | declare_errors(JobNotFound, 406, 422, DatabaseUnavailable),
    response_model=History,
)
def get_history(
    job_id: JobId,
    sessions: Sessions,
    kind: HistoryFormat,
    after_epoch: Annotated[int, Query(ge=0, le=MAX_NUMBER, description="Only later epochs.")] = 0,
) -> Response:
    """Every epoch, oldest first; as JSON, CSV, NDJSON or Parquet."""
    with sessions.read() as session:
        epochs = history.read_epochs(session, job_id, after_epoch=after_epoch)
    return answer_rows(kind, epochs, EPOCH_COLUMNS, job_id=job_id, name="epochs")


@router.get(
    "/{job_id}/layers",
    responses=LAYER_FILES | declare_errors(JobNotFound, 406, 422, DatabaseUnavailable),
    response_model=Layers,
)
def layers(
    job_id: JobId,
    sessions: Sessions,
    kind: HistoryFormat,
    epoch: Annotated[int | None, Query(ge=1, le=MAX_NUMBER, description="Only this epoch.", examples=[1])] = None,
    after_epoch: Annotated[
        int, Query(ge=0, le=MAX_NUMBER, description="Only later epochs; ignored beside `epoch`.")
    ] = 0,
) -> Response:
    """Each layer after every epoch, measured on a fixed probe batch; as JSON, CSV, NDJSON or Parquet."""
    with sessions.read() as session:
        found = history.read_layers(session, job_id, epoch=epoch, after_epoch=after_epoch)
    return answer_rows(kind, found, LAYER_COLUMNS, job_id=job_id, name="layers")


def answer_rows(
    kind: Format, rows: Sequence[Epoch] | Sequence[Layer], types: Types, *, job_id: str, name: str
) -> Response:
    table = Table(types, {column: [figure(row, column) for row in rows] for column in types})
    return answer(
        kind,
        f"{name}-{job_id}",
        document=lambda: {"job_id": job_id, name: table.objects()},
        table=lambda: table,
    )


def figure(row: Epoch | Layer, column: str) -> Any:  # noqa: ANN401  # as the column's type says
    """SQLite stores NaN as NULL: where a figure always has a value, NULL means that it was NaN."""
    value = getattr(row, column)
    return math.nan if value is None and column in ALWAYS_MEASURED else value
