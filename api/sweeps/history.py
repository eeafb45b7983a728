"""A sweep's history, which is sent while it is read: every epoch of every job."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field
from pydantic_core import to_json

from api.dependencies import Sessions
from api.http.answers import answer_in_batches
from api.http.formats import Format
from api.http.ndjson_writer import to_objects
from api.http.out import Out
from api.http.responses import declare_errors, declare_files
from api.http.routing import Route
from api.http.samples import EXAMPLE_ID
from api.http.tables import Types
from api.http.threads import draws_or_packs, heavy
from api.jobs.figures import EPOCH_COLUMNS, show_csv
from api.jobs.history import HistoryFormat
from api.jobs.models import EpochOut
from api.jobs.parameters import AfterEpoch
from api.sweeps import grid_columns
from api.sweeps.models import GridValues
from api.sweeps.parameters import SweepId
from db import sweep_histories, sweep_results, sweeps
from db.sweep_histories import Epochs
from jobs.errors import Busy, DatabaseUnavailable, SweepNotFound
from jobs.metrics import EPOCH_FIGURES
from jobs.sweep import SweepSpec

router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=Route)

JOB_COLUMNS: Types = {"job_id": "string", "activation": "string", "seed": "int64"}
HISTORY_FILES = declare_files(
    show_csv(
        EPOCH_FIGURES,
        job_id=EXAMPLE_ID,
        activation="gelu",
        seed=0,
        **{"values.optimizer.learning_rate": 0.001},
    ),
    Format.NDJSON,
    Format.PARQUET,
)


class JobHistory(Out):
    job_id: str = Field(description="The job's id.", examples=[EXAMPLE_ID])
    activation: str = Field(description="The job's activation.", examples=["gelu"])
    seed: int = Field(description="The job's seed.", examples=[0])
    values: GridValues = Field(examples=[{}])
    epochs: list[EpochOut] = Field(description="Every epoch, oldest first.")


class SweepHistory(Out):
    sweep_id: str = Field(description="The sweep's id.", examples=[EXAMPLE_ID])
    jobs: list[JobHistory] = Field(description="Every job that has an epoch, in the sweep's order.")


@router.get(
    "/{sweep_id}/history",
    name="history",
    responses=HISTORY_FILES | declare_errors(SweepNotFound, 406, 422, Busy, DatabaseUnavailable),
    response_model=SweepHistory,
)
@heavy(draws_or_packs)
def get_history(
    sweep_id: SweepId,
    sessions: Sessions,
    kind: HistoryFormat,
    after_epoch: AfterEpoch = 0,
) -> Response:
    """Every epoch of every job; as JSON job by job, as CSV, NDJSON or Parquet a row an epoch.

    A row begins with job_id, activation and seed. Each field of the grid is a column, `values.` and its path: integers,
    numbers or truth values where all of its values are, else text, objects as JSON writes them; null is an empty cell.
    NDJSON has every value as JSON has it. The history is read while it is sent: where that fails, the connection is
    closed before its end.
    """
    with sessions.read() as session:
        spec = sweeps.find_spec(session, sweep_id)
        jobs = sweep_results.list_jobs(session, sweep_id, spec)
    histories = sweep_histories.read(sessions, jobs, list(EPOCH_COLUMNS), after_epoch=after_epoch)
    return answer_in_batches(
        kind,
        f"epochs-{sweep_id}",
        document=lambda: write_json(sweep_id, histories),
        types={**JOB_COLUMNS, **grid_columns.types(spec.grid), **EPOCH_COLUMNS},
        batches=(list_rows(spec, some) for some in histories),
    )


def write_json(sweep_id: str, histories: Iterable[Sequence[Epochs]]) -> Iterator[bytes]:
    """Write a SweepHistory, some jobs at a time."""
    before = b'{"sweep_id":' + to_json(sweep_id) + b',"jobs":['
    for some in filter(None, histories):
        yield before + b",".join(map(write_job, some))
        before = b","
    yield before.removesuffix(b",") + b"]}"


def write_job(history: Epochs) -> bytes:
    """Write a JobHistory."""
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


def list_rows(spec: SweepSpec, some: Iterable[Epochs]) -> list[Sequence[Any]]:
    rows: list[Sequence[Any]] = []
    for job, epochs in some:
        start = (job.id, job.configuration.activation, job.seed, *grid_columns.cells(spec.grid, job.configuration))
        rows += [start + row[: len(EPOCH_COLUMNS)] for row in epochs]
    return rows
