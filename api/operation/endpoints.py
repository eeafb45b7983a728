"""Probes of the service, and the list of its workers."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.responses import JSONResponse

from api.dependencies import Hints, Sessions
from api.http.auth import VisibleOwner
from api.http.out import Out
from api.http.problems import answer_problem
from api.http.responses import declare_errors
from api.http.routing import Route
from api.http.threads import probe
from api.http.times import Time
from db import owners, schema, workers
from jobs.errors import BrokerUnavailable, DatabaseDamaged, DatabaseUnavailable, DiskFull

router = APIRouter(tags=["operation"])
workers_router = APIRouter(tags=["operation"], route_class=Route)


class Alive(Out):
    status: Literal["ok"] = Field("ok", description="The process answers.")


class WorkerOut(Out):
    id: str = Field(description="Name of the worker and its process.", examples=["worker-1f2e3d4c@gpu-1/4242"])
    device: str = Field(description="The device that it trains on.", examples=["cpu"])
    state: Literal["idle", "training"] = Field(description="Whether it trains a job.")
    job_id: str | None = Field(
        description="The job it trains; null when idle, or where it is another owner's.", examples=[None]
    )
    started_at: Time = Field(description="When it started, UTC.")
    last_seen_at: Time = Field(description="When it last reported, UTC.")


class WorkerList(Out):
    data: list[WorkerOut] = Field(description="The workers that reported in the last minute.")


@router.get("/healthz", name="healthz", response_model=Alive)
async def check_alive() -> Response:
    """Check that the process answers, and nothing else."""
    return JSONResponse(Alive().model_dump())  # without a thread, for which it could wait behind other requests


@router.get("/readyz", name="readyz", responses=declare_errors(503), response_model=Alive)
@probe
def check_ready(request: Request, sessions: Sessions, hints: Hints) -> Response:
    """Check that SQL and the broker answer and have room, and the schema is current; else 503 names the problem."""
    wrong = [*find_database_problems(sessions), *find_broker_problems(hints)]
    if wrong:
        return answer_problem(request, 503, "; ".join(wrong))
    return JSONResponse(Alive().model_dump())


def find_database_problems(sessions: Sessions) -> list[str]:
    try:
        schema.check(sessions)
    except DatabaseUnavailable as error:
        return [str(error)]
    found = (DatabaseDamaged, sessions.disk.is_damaged), (DiskFull, sessions.disk.is_full())
    return [str(problem()) for problem, is_met in found if is_met]


def find_broker_problems(hints: Hints) -> list[str]:
    try:
        hints.length()
    except BrokerUnavailable as error:
        return [str(error)]
    return []


@workers_router.get("/workers", name="workers", responses=declare_errors(DatabaseUnavailable))
def list_workers(sessions: Sessions, owner: VisibleOwner) -> WorkerList:
    """List the workers, each with its device and the job it trains; a job of another owner is not named."""
    with sessions.read() as session:
        found = workers.list_live(session)
        training = {worker.job_id for worker in found if worker.job_id}
        named = training if owner is None else owners.find_own_jobs(session, owner, training)
    return WorkerList(
        data=[
            WorkerOut(
                id=worker.id,
                device=worker.device,
                state="training" if worker.job_id else "idle",
                job_id=worker.job_id if worker.job_id in named else None,
                started_at=worker.started_at,
                last_seen_at=worker.last_seen_at,
            )
            for worker in found
        ]
    )
