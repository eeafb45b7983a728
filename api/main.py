"""The API's composition root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI
from fastapi_offline import FastAPIOffline

from api import (
    activations,
    auth,
    checkpoints,
    compare,
    curves,
    errors,
    gradients,
    jobs,
    openapi,
    operation,
    page,
    plots,
    predictions,
    stream,
    sweep_stream,
    sweeps,
)
from api.limits import BodyLimit
from api.news import News
from broker.hints import CeleryQueue
from broker.reconciler import Reconciler
from db.session import connect
from jobs.settings import Settings

DESCRIPTION = """
Study activation functions: exact values and derivatives, and a queue of jobs that train the same MNIST CNN for each.

Errors are `application/problem+json`; their `code` is stable. Floats survive the round trip exactly; a number that is
not finite is `null`, and `non_finite` beside it says what it was. Times are UTC, durations are in seconds.
"""


def create_app(settings: Settings) -> FastAPI:
    """The service, on the database and broker that the settings name; neither is asked before it starts."""
    sessions = connect(settings.database)
    queue = CeleryQueue(settings.broker_url)
    reconciler = Reconciler(sessions, queue, interval_seconds=settings.reconcile_seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        reconciler.start()
        yield
        reconciler.stop()
        queue.close()
        sessions.close()

    app = FastAPIOffline(
        title="Activation Lab", version=version("activation-lab"), description=DESCRIPTION, lifespan=lifespan
    )
    app.state.settings, app.state.sessions, app.state.queue = settings, sessions, queue
    app.state.news = News(sessions)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    errors.install(app)
    app.include_router(operation.router)
    app.include_router(version_one())
    page.install(app)
    openapi.install(app)
    return app


def version_one() -> APIRouter:
    router = APIRouter(prefix="/v1", dependencies=[Depends(auth.authorized)], responses=errors.declared(401))
    # curves first: its plot.svg is no activation's name
    activation_routers = (curves, activations, gradients)
    job_routers = (jobs, stream, checkpoints, predictions, sweeps, sweep_stream, plots, compare)
    for part in (*activation_routers, *job_routers):
        router.include_router(part.router)
    router.include_router(operation.workers_router)
    return router
