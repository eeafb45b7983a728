"""Predictions: a client requests the digit in an image, and a worker answers from the job's last checkpoint."""

import asyncio
import logging
from time import monotonic
from typing import Annotated

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, FailFast, Field

from api.dependencies import Hints, Sessions, Settings
from api.http.out import Out
from api.http.responses import declare_errors
from api.http.routing import Route
from api.jobs.parameters import JobId
from db import jobs, predictions
from db.models import Prediction
from jobs.errors import (
    DatabaseUnavailable,
    InternalError,
    JobNotFound,
    JobsError,
    NoCheckpoint,
    NoWorkerAnswered,
    StorageUnavailable,
    UnsupportedSpec,
)

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=Route)
log = logging.getLogger(__name__)

SIDE = 28
FIRST_POLL_SECONDS = 0.02
LAST_POLL_SECONDS = 0.25
REFUSALS: dict[str, type[JobsError]] = {
    error.code: error for error in (NoCheckpoint, StorageUnavailable, UnsupportedSpec)
}

Pixel = Annotated[float, Field(strict=True, ge=0, le=255, allow_inf_nan=False)]
Row = Annotated[list[Pixel], FailFast(), Field(min_length=SIDE, max_length=SIDE)]


class PredictionIn(BaseModel):
    """An image like those of MNIST: a light digit on a dark background, centred."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: Annotated[list[Row], FailFast()] = Field(
        description="28 rows of 28 grey levels, 0 = dark, 255 = light.",
        min_length=SIDE,
        max_length=SIDE,
        examples=[[[0] * SIDE] * SIDE],
    )


class PredictionOut(Out):
    digit: int = Field(description="The most probable digit.", examples=[7])
    probabilities: list[float] = Field(
        description="The probabilities of the digits 0 to 9: the softmax outputs, in float32.",
        examples=[[0.01, 0.0, 0.02, 0.01, 0.0, 0.0, 0.0, 0.95, 0.0, 0.01]],
    )
    epoch: int = Field(
        description="The epoch after which the checkpoint was written that made the prediction.", examples=[10]
    )

    @classmethod
    def of(cls, prediction: Prediction) -> "PredictionOut":
        """Raise the error that the worker reported, if it did."""
        probabilities, epoch = prediction.probabilities, prediction.epoch
        if probabilities is None or epoch is None:
            raise REFUSALS.get(prediction.error_code or "", InternalError)
        return cls(digit=probabilities.index(max(probabilities)), probabilities=probabilities, epoch=epoch)


@router.post(
    "/{job_id}/predict",
    responses=declare_errors(
        400,
        JobNotFound,
        NoCheckpoint,
        UnsupportedSpec,
        413,
        415,
        422,
        NoWorkerAnswered,
        DatabaseUnavailable,
        StorageUnavailable,
    ),
)
async def predict(
    job_id: JobId, request: PredictionIn, sessions: Sessions, hints: Hints, settings: Settings
) -> PredictionOut:
    """Predict the digit in an image, with the job's last checkpoint.

    A worker answers: an idle one immediately, a training one between two batches, within about a second. If none does
    in time, this is 503 `no_worker_answered`.
    """
    prediction_id = await run_in_threadpool(request_prediction, sessions, job_id, request.image)
    try:
        await run_in_threadpool(hints.send_prediction, prediction_id)
        row = await wait_for_answer(sessions, prediction_id, seconds=settings.predict_seconds)
        if row is None:
            await run_in_threadpool(refuse_unknown, sessions, job_id)
            raise NoWorkerAnswered
        return PredictionOut.of(row)
    finally:
        await run_in_threadpool(withdraw, sessions, prediction_id)


def request_prediction(sessions: Sessions, job_id: str, image: predictions.Image) -> str:
    with sessions.begin() as session:
        return predictions.submit(session, job_id, image)


async def wait_for_answer(sessions: Sessions, prediction_id: str, *, seconds: float) -> Prediction | None:
    """Poll until the row is answered, then return it; None once it is gone. A poll takes a thread, the wait none.

    Raises:
        NoWorkerAnswered: within that time.
    """
    deadline, pause = monotonic() + seconds, FIRST_POLL_SECONDS
    while True:
        row = await run_in_threadpool(read, sessions, prediction_id)
        if row is None or row.answered_at is not None:
            return row
        if monotonic() > deadline:
            raise NoWorkerAnswered(f"no worker answered within {seconds:g} s; try again soon")
        await asyncio.sleep(pause)
        pause = min(1.5 * pause, LAST_POLL_SECONDS)


def read(sessions: Sessions, prediction_id: str) -> Prediction | None:
    """Read the row; None if it has expired, as after the clock was set forward."""
    with sessions.read() as session:
        return predictions.find(session, prediction_id)


def refuse_unknown(sessions: Sessions, job_id: str) -> None:
    """Raise JobNotFound if the job was deleted meanwhile."""
    with sessions.read() as session:
        jobs.find(session, job_id)


def withdraw(sessions: Sessions, prediction_id: str) -> None:
    try:
        with sessions.begin() as session:
            predictions.withdraw(session, prediction_id)
    except DatabaseUnavailable as error:
        log.warning("a prediction stays until it expires: %s", error)
