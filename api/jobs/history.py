"""A job's history: its epochs and its layers, as JSON and as files."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

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
from api.http.tables import ColumnType, Table, Types
from api.jobs.models import EpochOut
from api.jobs.parameters import MAX_NUMBER, JobId
from db import history
from db.models import Epoch, Layer
from jobs.errors import DatabaseUnavailable, JobNotFound
from jobs.metrics import ALWAYS_MEASURED

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=Route)

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
HistoryFormat = Annotated[Format, Depends(offer(*formats.TABLES))]


class History(Out):
    job_id: str = Field(description="The job's id.", examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"])
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
    job_id: str = Field(description="The job's id.", examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"])
    layers: list[LayerOut] = Field(description="By epoch, from the input to the output.")


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
    """Get every epoch, oldest first; as JSON, CSV, NDJSON or Parquet."""
    with sessions.read() as session:
        epochs = history.read_epochs(session, job_id, after_epoch=after_epoch)
    return answer_rows(kind, epochs, EPOCH_COLUMNS, job_id=job_id, name="epochs")


@router.get(
    "/{job_id}/layers",
    name="layers",
    responses=LAYER_FILES | declare_errors(JobNotFound, 406, 422, DatabaseUnavailable),
    response_model=Layers,
)
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


def answer_rows(
    kind: Format, rows: Sequence[Epoch] | Sequence[Layer], types: Types, *, job_id: str, name: str
) -> Response:
    table = Table(types, {column: [read_figure(row, column) for row in rows] for column in types})
    return answer(
        kind,
        f"{name}-{job_id}",
        document=lambda: {"job_id": job_id, name: table.objects()},
        table=lambda: table,
    )


def read_figure(row: Epoch | Layer, column: str) -> Any:  # noqa: ANN401  # as the column's type says
    """Read a figure. SQLite stores NaN as NULL: where a figure always has a value, NULL means NaN."""
    value = getattr(row, column)
    return math.nan if value is None and column in ALWAYS_MEASURED else value
