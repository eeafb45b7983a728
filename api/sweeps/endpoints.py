"""Sweeps: the article's loop, and grid search."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, JsonValue
from pydantic_core import to_json

from api.dependencies import Hints, Sessions
from api.http.answers import answer_in_batches
from api.http.formats import Format
from api.http.ndjson_writer import to_objects
from api.http.numbers import ExactJSON
from api.http.out import Out
from api.http.responses import declare_errors, declare_files
from api.http.routing import Route
from api.http.tables import ColumnType
from api.jobs.figures import EPOCH_COLUMNS, show_csv
from api.jobs.history import HistoryFormat
from api.jobs.models import EpochOut
from api.jobs.parameters import MAX_NUMBER
from api.jobs.submission import ACCEPTED, REFUSED, SubmissionTerms, make_headers
from api.sweeps import grid_columns
from api.sweeps.models import SweepDetail, SweepOut, SweepPage
from broker.reconciler import dispatch
from db import sweeps
from db.sweeps import Epochs
from jobs.errors import DatabaseUnavailable, InvalidCursor, SweepFinished, SweepNotFound
from jobs.metrics import EPOCH_FIGURES
from jobs.spec import NO_NUL, JobSpec
from jobs.sweep import InvalidSweep, SweepSpec, expand

log = logging.getLogger(__name__)

router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=Route)

SweepId = Annotated[
    str,
    Path(
        description="The sweep's id.", pattern=NO_NUL, max_length=100, examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"]
    ),
]


HISTORY_FILES = declare_files(
    show_csv(
        EPOCH_FIGURES,
        job_id="0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b",
        activation="gelu",
        seed=0,
        **{"values.optimizer.learning_rate": 0.001},
    ),
    Format.NDJSON,
    Format.PARQUET,
)


class JobHistory(Out):
    job_id: str = Field(description="Whose history it is.", examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"])
    activation: str = Field(description="Its activation.", examples=["gelu"])
    seed: int = Field(description="Its seed.", examples=[0])
    values: dict[str, JsonValue] = Field(description="Its values of the grid's fields.", examples=[{}])
    epochs: list[EpochOut] = Field(description="Every epoch, oldest first.")


class SweepHistory(Out):
    sweep_id: str = Field(description="Whose history it is.", examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"])
    jobs: list[JobHistory] = Field(description="Every job that has an epoch, in the sweep's order.")


def expanded(spec: SweepSpec) -> list[JobSpec]:
    """The specs of its jobs; what is wrong with one is told at the place in the request that it comes from."""
    try:
        return expand(spec)
    except InvalidSweep as error:
        faults = [
            {"type": "invalid_value", "loc": ("body",), "msg": message, "ctx": {"pointer": pointer}}
            for pointer, message in error.refusals.items()
        ]
        raise RequestValidationError(faults) from error


@router.post("", status_code=202, responses=ACCEPTED | REFUSED, response_model=SweepDetail)
def submit(spec: SweepSpec, sessions: Sessions, queue: Hints, terms: SubmissionTerms) -> Response:
    """Accept a sweep with all of its jobs, or none of them. They are trained seed by seed."""
    specs = expanded(spec)
    with sessions.begin() as session:
        sweep, job_ids, replayed = sweeps.create(session, spec, specs, **terms)
    with sessions.read() as session:  # after the commit: meanwhile others can write
        out = SweepDetail.with_table(*sweeps.table(session, sweep.id))
    if not replayed:
        log.info("sweep accepted", extra={"sweep_id": out.id, "jobs": len(job_ids)})
    dispatch(sessions, queue, [*job_ids])
    return ExactJSON(out.model_dump(), 202, make_headers(out.links.self, replayed=replayed))


@router.get("", responses=declare_errors(InvalidCursor, 422, DatabaseUnavailable))
def list_sweeps(
    sessions: Sessions,
    limit: Annotated[int, Query(ge=1, le=200, description="Sweeps a page.")] = 20,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.", examples=[None])] = None,
) -> SweepPage:
    """Sweeps, newest first, without their tables."""
    with sessions.read() as session:
        page = sweeps.page(session, limit=limit, cursor=cursor)
    return SweepPage(data=[SweepOut.of(record) for record in page.records], next_cursor=page.next_cursor)


@router.get(
    "/{sweep_id}", responses=declare_errors(SweepNotFound, 422, DatabaseUnavailable), response_model=SweepDetail
)
def get_sweep(sweep_id: SweepId, sessions: Sessions) -> Response:
    """How far it is, and its table: a row a configuration, with means and 95 % intervals over the seeds.

    A retry of one of its jobs is a job outside the sweep. A deleted job is out of its figures; a sweep goes with its
    last job.
    """
    with sessions.read() as session:
        return ExactJSON(SweepDetail.with_table(*sweeps.table(session, sweep_id)).model_dump())


@router.post(
    "/{sweep_id}/cancel",
    status_code=202,
    responses=declare_errors(SweepNotFound, SweepFinished, 422, DatabaseUnavailable),
    response_model=SweepDetail,
)
def cancel(sweep_id: SweepId, sessions: Sessions) -> Response:
    """Cancel its queued jobs at once, the running ones at their next batch; twice is as good as once."""
    with sessions.begin() as session:
        sweeps.request_cancel(session, sweep_id)
    with sessions.read() as session:
        return ExactJSON(SweepDetail.with_table(*sweeps.table(session, sweep_id)).model_dump(), 202)


@router.get(
    "/{sweep_id}/history",
    responses=HISTORY_FILES | declare_errors(SweepNotFound, 406, 422, DatabaseUnavailable),
    response_model=SweepHistory,
)
def history(
    sweep_id: SweepId,
    sessions: Sessions,
    kind: HistoryFormat,
    after_epoch: Annotated[int, Query(ge=0, le=MAX_NUMBER, description="Only later epochs.")] = 0,
) -> Response:
    """Every epoch of every job; as JSON job by job, as CSV, NDJSON or Parquet a row an epoch.

    A row says job_id, activation and seed. Each field of the grid is a column, `values.` and its path: integers,
    numbers or truth values where all of its values are, else text, objects as JSON writes them; null is an empty cell.
    NDJSON has every value as JSON has it. It is read while it is sent: where that fails, the connection is broken off.
    """
    with sessions.read() as session:
        spec = sweeps.find_spec(session, sweep_id)
        jobs = sweeps.list_jobs(session, sweep_id, spec)
    histories = sweeps.histories(sessions, jobs, list(EPOCH_COLUMNS), after_epoch=after_epoch)
    types: dict[str, ColumnType] = {"job_id": "string", "activation": "string", "seed": "int64"}
    return answer_in_batches(
        kind,
        f"epochs-{sweep_id}",
        document=lambda: json_pieces(sweep_id, histories),
        types={**types, **grid_columns.types(spec.grid), **EPOCH_COLUMNS},
        batches=(flat(spec, some) for some in histories),
    )


def json_pieces(sweep_id: str, histories: Iterable[Sequence[Epochs]]) -> Iterator[bytes]:
    """A SweepHistory, some jobs at a time."""
    before = b'{"sweep_id":' + to_json(sweep_id) + b',"jobs":['
    for some in filter(None, histories):
        yield before + b",".join(map(json_of_job, some))
        before = b","
    yield before.removesuffix(b",") + b"]}"


def json_of_job(history: Epochs) -> bytes:
    """A JobHistory."""
    job, epochs = history
    rows = [row[: len(EPOCH_COLUMNS)] for row in epochs]
    return to_json(
        {
            "job_id": job.id,
            "activation": job.configuration.activation,
            "seed": job.seed,
            "values": job.configuration.values,
            "epochs": [*to_objects(EPOCH_COLUMNS, rows)],
        }
    )


def flat(spec: SweepSpec, some: Iterable[Epochs]) -> list[Sequence[Any]]:
    rows: list[Sequence[Any]] = []
    for job, epochs in some:
        start = (job.id, job.configuration.activation, job.seed, *grid_columns.cells(spec.grid, job.configuration))
        rows += [start + row[: len(EPOCH_COLUMNS)] for row in epochs]
    return rows
