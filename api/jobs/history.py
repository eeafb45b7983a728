"""A job's history: its epochs, its layers and its learnt parameters, as JSON and as files."""

import math
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from api.dependencies import Sessions
from api.http import formats
from api.http.answers import answer
from api.http.formats import Format
from api.http.negotiation import offer
from api.http.out import Out
from api.http.responses import declare_errors, declare_files
from api.http.routing import Route
from api.http.samples import EXAMPLE_ID
from api.http.tables import Table, Types
from api.http.threads import draws_or_packs, heavy
from api.jobs.figures import (
    EPOCH_COLUMNS,
    LAYER_COLUMNS,
    LAYER_FIELDS,
    PARAMETER_COLUMNS,
    PARAMETER_FIELDS,
    show_csv,
)
from api.jobs.models import EpochOut
from api.jobs.parameters import MAX_NUMBER, AfterEpoch, JobId
from db import history
from db.history import FigureRow
from jobs.errors import Busy, DatabaseUnavailable, JobNotFound
from jobs.metrics import ALWAYS_MEASURED, EPOCH_FIGURES, LAYER_FIGURES, PARAMETER_FIGURES

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=Route)

EPOCH_FILES = declare_files(show_csv(EPOCH_FIGURES), Format.NDJSON, Format.PARQUET)
LAYER_FILES = declare_files(show_csv(LAYER_FIGURES), Format.NDJSON, Format.PARQUET)
PARAMETER_FILES = declare_files(show_csv(PARAMETER_FIGURES), Format.NDJSON, Format.PARQUET)
HistoryFormat = Annotated[Format, Depends(offer(*formats.TABLES))]


class History(Out):
    job_id: str = Field(description="The job's id.", examples=[EXAMPLE_ID])
    epochs: list[EpochOut] = Field(description="Every epoch, oldest first.")


class LayerOut(Out):
    """One layer after one epoch, on the probe batch. Null: the figure has no meaning for this layer."""

    epoch: Annotated[int, LAYER_FIELDS["epoch"]]
    layer: Annotated[str, LAYER_FIELDS["layer"]]
    gradient_norm: Annotated[float | None, LAYER_FIELDS["gradient_norm"]]
    update_ratio: Annotated[float | None, LAYER_FIELDS["update_ratio"]]
    activation_mean: Annotated[float | None, LAYER_FIELDS["activation_mean"]]
    activation_variance: Annotated[float | None, LAYER_FIELDS["activation_variance"]]
    zero_fraction: Annotated[float | None, LAYER_FIELDS["zero_fraction"]]
    dead_fraction: Annotated[float | None, LAYER_FIELDS["dead_fraction"]]
    saturated_fraction: Annotated[float | None, LAYER_FIELDS["saturated_fraction"]]
    clipped_fraction: Annotated[float | None, LAYER_FIELDS["clipped_fraction"]]


class Layers(Out):
    job_id: str = Field(description="The job's id.", examples=[EXAMPLE_ID])
    layers: list[LayerOut] = Field(description="By epoch, from the input to the output.")


class ParameterOut(Out):
    """A learnt parameter of one layer, or of the network, after one epoch or at the start."""

    epoch: Annotated[int, PARAMETER_FIELDS["epoch"]]
    layer: Annotated[str, PARAMETER_FIELDS["layer"]]
    parameter: Annotated[str, PARAMETER_FIELDS["parameter"]]
    mean: Annotated[float | None, PARAMETER_FIELDS["mean"]]
    minimum: Annotated[float | None, PARAMETER_FIELDS["minimum"]]
    maximum: Annotated[float | None, PARAMETER_FIELDS["maximum"]]


class ParameterHistory(Out):
    job_id: str = Field(description="The job's id.", examples=[EXAMPLE_ID])
    parameters: list[ParameterOut] = Field(
        description="By epoch from 0, from the input to the output; empty for a job without `trainable`."
    )


@router.get(
    "/{job_id}/history",
    name="history",
    responses=EPOCH_FILES | declare_errors(JobNotFound, 406, 422, Busy, DatabaseUnavailable),
    response_model=History,
)
@heavy(draws_or_packs)
def get_history(
    job_id: JobId,
    sessions: Sessions,
    kind: HistoryFormat,
    after_epoch: AfterEpoch = 0,
) -> Response:
    """Get every epoch, oldest first; as JSON, CSV, NDJSON or Parquet."""
    with sessions.read() as session:
        epochs = history.read_epochs(session, job_id, after_epoch=after_epoch)
    return answer_rows(kind, epochs, EPOCH_COLUMNS, job_id=job_id, name="epochs")


@router.get(
    "/{job_id}/layers",
    name="layers",
    responses=LAYER_FILES | declare_errors(JobNotFound, 406, 422, Busy, DatabaseUnavailable),
    response_model=Layers,
)
@heavy(draws_or_packs)
def get_layers(
    job_id: JobId,
    sessions: Sessions,
    kind: HistoryFormat,
    epoch: Annotated[int | None, Query(ge=1, le=MAX_NUMBER, description="Only this epoch.", examples=[1])] = None,
    after_epoch: Annotated[
        int, Query(ge=0, le=MAX_NUMBER, description="Only later epochs; ignored beside `epoch`.")
    ] = 0,
) -> Response:
    """Get each layer after every epoch, measured on a fixed probe batch; as JSON, CSV, NDJSON or Parquet."""
    with sessions.read() as session:
        found = history.read_layers(session, job_id, epoch=epoch, after_epoch=after_epoch)
    return answer_rows(kind, found, LAYER_COLUMNS, job_id=job_id, name="layers")


@router.get(
    "/{job_id}/parameters",
    name="parameters",
    responses=PARAMETER_FILES | declare_errors(JobNotFound, 406, 422, Busy, DatabaseUnavailable),
    response_model=ParameterHistory,
)
@heavy(draws_or_packs)
def get_parameters(
    job_id: JobId,
    sessions: Sessions,
    kind: HistoryFormat,
    epoch: Annotated[
        int | None, Query(ge=0, le=MAX_NUMBER, description="Only this epoch; 0 = the start.", examples=[1])
    ] = None,
    after_epoch: Annotated[
        int | None,
        Query(
            ge=0,
            le=MAX_NUMBER,
            description="Only later epochs, without the start; ignored beside `epoch`.",
            examples=[1],
        ),
    ] = None,
) -> Response:
    """Get the learnt parameters of the activation at the start and after every epoch: how far their values are apart.

    As JSON, CSV, NDJSON or Parquet. There are none where the job's `trainable` is null.
    """
    with sessions.read() as session:
        found = history.read_parameters(session, job_id, epoch=epoch, after_epoch=after_epoch)
    return answer_rows(kind, found, PARAMETER_COLUMNS, job_id=job_id, name="parameters")


def answer_rows(kind: Format, rows: Sequence[FigureRow], types: Types, *, job_id: str, name: str) -> Response:
    table = restore_nan(Table.of_rows(types, rows))
    return answer(
        kind,
        f"{name}-{job_id}",
        document=lambda: {"job_id": job_id, name: table.objects()},
        table=lambda: table,
    )


def restore_nan(table: Table) -> Table:
    """Restore NaN, which SQLite stores as NULL: where a figure always has a value, NULL means NaN."""
    restored = {
        name: [math.nan if value is None else value for value in table.columns[name]]
        for name in ALWAYS_MEASURED.intersection(table.types)
    }
    return Table(table.types, {**table.columns, **restored})
