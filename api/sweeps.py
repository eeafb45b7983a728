"""Sweeps: the article's loop, and grid search."""

import json
import logging
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, JsonValue

from api import formats
from api.dependencies import Hints, Sessions, Settings
from api.errors import declared
from api.formats import ColumnType, Format, Table, file
from api.job_out import EpochOut
from api.jobs import CREATED, EPOCH_COLUMNS, MAX_NUMBER, REFUSED, HistoryFormat, IdempotencyKey
from api.numbers import ExactJSON
from api.out import Out
from api.sweep_out import SweepDetail, SweepOut, SweepPage
from broker.reconciler import dispatch
from db import sweeps
from db.sweeps import SweepJob
from jobs.errors import DatabaseUnavailable, InvalidCursor, SweepFinished, SweepNotFound
from jobs.spec import NO_NUL, JobSpec
from jobs.sweep import InvalidSweep, SweepSpec, expand

log = logging.getLogger(__name__)

router = APIRouter(prefix="/sweeps", tags=["sweeps"])

SweepId = Annotated[
    str,
    Path(
        description="The sweep's id.", pattern=NO_NUL, max_length=100, examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"]
    ),
]


HISTORY_FILES = formats.documented(
    "job_id,activation,seed,values.optimizer.learning_rate,epoch,attempt,loss,accuracy,binary_accuracy,val_loss,val_accuracy,"
    "val_binary_accuracy,learning_rate,epoch_seconds,images_per_second,recorded_at\r\n"
    "0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b,gelu,0,0.001,1,1,0.0403,0.932,0.986,0.0097,0.982,0.9965,0.001,31.4,1690.0,"
    "2026-11-23T09:30:00Z\r\n",
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


@router.post("", status_code=202, responses=CREATED | REFUSED, response_model=SweepDetail)
def submit(
    spec: SweepSpec,
    sessions: Sessions,
    queue: Hints,
    settings: Settings,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Accept a sweep with all of its jobs, or none of them. They are trained seed by seed."""
    specs = expanded(spec)
    with sessions.begin() as session:
        sweep, job_ids, replayed = sweeps.create(
            session, spec, specs, max_unfinished=settings.max_unfinished_jobs, idempotency_key=idempotency_key
        )
        out = SweepDetail.with_table(*sweeps.table(session, sweep.id))
    if not replayed:
        log.info("sweep accepted", extra={"sweep_id": out.id, "jobs": len(job_ids)})
    dispatch(sessions, queue, [*job_ids])
    headers = {"Location": out.links.self, **({"Idempotency-Replayed": "true"} if replayed else {})}
    return ExactJSON(out.model_dump(), 202, headers)


@router.get("", responses=declared(InvalidCursor, 422, DatabaseUnavailable))
def list_sweeps(
    sessions: Sessions,
    limit: Annotated[int, Query(ge=1, le=200, description="Sweeps a page.")] = 20,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.", examples=[None])] = None,
) -> SweepPage:
    """Sweeps, newest first, without their tables."""
    with sessions.read() as session:
        page = sweeps.page(session, limit=limit, cursor=cursor)
    return SweepPage(data=[SweepOut.of(record) for record in page.records], next_cursor=page.next_cursor)


@router.get("/{sweep_id}", responses=declared(SweepNotFound, 422, DatabaseUnavailable), response_model=SweepDetail)
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
    responses=declared(SweepNotFound, SweepFinished, 422, DatabaseUnavailable),
    response_model=SweepDetail,
)
def cancel(sweep_id: SweepId, sessions: Sessions) -> Response:
    """Cancel its queued jobs at once, the running ones at their next batch; twice is as good as once."""
    with sessions.begin() as session:
        sweeps.request_cancel(session, sweep_id)
        return ExactJSON(SweepDetail.with_table(*sweeps.table(session, sweep_id)).model_dump(), 202)


@router.get(
    "/{sweep_id}/history",
    responses=HISTORY_FILES | declared(SweepNotFound, 406, 422, DatabaseUnavailable),
    response_model=SweepHistory,
)
def history(
    sweep_id: SweepId,
    sessions: Sessions,
    kind: HistoryFormat,
    after_epoch: Annotated[int, Query(ge=0, le=MAX_NUMBER, description="Only later epochs.")] = 0,
) -> Response:
    """Every epoch of every job; as JSON job by job, as CSV, NDJSON or Parquet a row an epoch.

    A row says job_id, activation, seed and, as `values.` and its path, each field of the grid: numbers, or text
    where some value is none.
    """
    with sessions.read() as session:
        spec = sweeps.find_spec(session, sweep_id)
        jobs = sweeps.jobs(session, sweep_id, spec)
        rows = sweeps.histories(session, sweep_id, list(EPOCH_COLUMNS), after_epoch=after_epoch)
    if kind is Format.JSON:
        return ExactJSON({"sweep_id": sweep_id, "jobs": by_job(jobs, rows)}, headers={"Vary": "Accept"})
    return file(flat(spec, jobs, rows), kind, f"epochs-{sweep_id}")


def by_job(jobs: Sequence[SweepJob], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    by_id = {job.id: job for job in jobs}
    return [
        {
            "job_id": job_id,
            "activation": by_id[job_id].configuration.activation,
            "seed": by_id[job_id].seed,
            "values": by_id[job_id].configuration.values,
            "epochs": [dict(zip(EPOCH_COLUMNS, row[1:], strict=True)) for row in epochs],
        }
        for job_id, epochs in groupby(rows, key=lambda row: row[0])
    ]


def flat(spec: SweepSpec, jobs: Sequence[SweepJob], rows: Sequence[Sequence[Any]]) -> Table:
    as_cell: dict[str, Callable[[Any], float | str]] = {
        path: float if all(map(is_number, values)) else as_text for path, values in spec.grid.items()
    }
    types: dict[str, ColumnType] = {"job_id": "string", "activation": "string", "seed": "int64"}
    types |= {f"values.{path}": "float64" if kind is float else "string" for path, kind in as_cell.items()}
    types |= EPOCH_COLUMNS
    starts = {
        job.id: (
            job.configuration.activation,
            job.seed,
            *(kind(job.configuration.values[path]) for path, kind in as_cell.items()),
        )
        for job in jobs
    }
    whole = [(job_id, *starts[job_id], *figures) for job_id, *figures in rows]
    return Table.of_rows(types, whole)


def as_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
