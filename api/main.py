"""The API's composition root."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.docs import get_redoc_html
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from starlette.responses import FileResponse, HTMLResponse
from starlette.staticfiles import StaticFiles

from api import (
    activations,
    auth,
    checkpoints,
    compare,
    curves,
    errors,
    gradients,
    jobs,
    metrics,
    openapi,
    operation,
    plots,
    predictions,
    published,
    stream,
    sweep_stream,
    sweeps,
)
from api.exchange import PROBES, Exchanges
from api.limits import BodyLimit
from api.news import News
from broker.hints import CeleryQueue
from broker.reconciler import Reconciler
from db.session import connect
from jobs import tracing
from jobs.settings import Settings

# Redoc's script has a logo of its maker's host in it, which this keeps a browser from fetching.
FROM_HERE_ALONE = (
    "default-src 'self'; img-src 'self' data:; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "worker-src blob:"
)
STATIC = Path(__file__).parent / "static"

DESCRIPTION = """
Errors are `application/problem+json`; their `code` is stable. Floats survive the round trip exactly; a number that is
not finite is `null`, and `non_finite` beside it says what it was. Times are UTC, durations are in seconds.

Where several formats are listed, `Accept` chooses one, or `?format=` does: `csv`, `ndjson`, `parquet`, `svg`, `png`.
"""


def create_app(settings: Settings) -> FastAPI:
    """The service, on the database and broker that the settings name; neither is asked before it starts."""
    configuration = telemetry(settings)  # before the database is connected, whose statements it traces
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

    release = version("activation-lab")
    app = FastAPIOffline(
        title="Activation Lab",
        summary="Exact activation functions, and a queue of jobs that train the MNIST CNN for each of them.",
        version=release,
        description=DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        openapi_tags=openapi.TAGS,
        servers=openapi.SERVERS,
        redoc_url=None,
        lifespan=lifespan,
        telemetry=configuration,
    )
    app.state.settings, app.state.sessions, app.state.queue = settings, sessions, queue
    app.state.news, app.state.metrics = News(sessions), metrics.Metrics(release)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(Exchanges, observers=[app.state.metrics.http])  # added last: around all others
    errors.install(app)
    app.include_router(operation.router)
    app.include_router(metrics.router)
    app.include_router(version_one())
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_api_route("/", page, include_in_schema=False)
    app.add_api_route("/redoc", reference, include_in_schema=False)
    openapi.install(app)
    return app


def telemetry(settings: Settings) -> TelemetryConfig:
    """FastAPI's own: a span a request, in the trace that its client began, if any."""
    provider = tracing.start(settings, "activation-lab-api")
    others: TelemetryConfig = {"metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
    return {"tracing": provider is not None, "tracer_provider": provider, "exclude": is_probe, **others}


def is_probe(scope: Mapping[str, Any]) -> bool:
    return scope.get("path") in PROBES


def version_one() -> APIRouter:
    router = APIRouter(prefix="/v1", dependencies=[Depends(auth.authorized)], responses=errors.declared(401))
    # curves first: its plot.svg is no activation's name
    activation_routers = (curves, activations, gradients)
    job_routers = (jobs, stream, checkpoints, predictions, sweeps, sweep_stream, plots, compare, published)
    for part in (*activation_routers, *job_routers):
        router.include_router(part.router)
    router.include_router(operation.workers_router)
    return router


def page() -> FileResponse:
    return FileResponse(STATIC / "index.html")


def reference() -> HTMLResponse:
    rendered = get_redoc_html(
        openapi_url="/openapi.json",
        title="Activation Lab",
        redoc_js_url="/static-offline-docs/redoc.standalone.js",
        redoc_favicon_url="/static-offline-docs/favicon.png",
        with_google_fonts=False,
    )
    rendered.headers["Content-Security-Policy"] = FROM_HERE_ALONE
    return rendered
