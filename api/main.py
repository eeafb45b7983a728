"""The API's composition root."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline

from api import page
from api.activations import curves, definitions
from api.activations import endpoints as activations
from api.gradients import endpoints as gradients
from api.http import auth, errors, openapi, responses
from api.http.body_limit import BodyLimit
from api.http.methods import Methods
from api.http.own_site import Cors, OwnSite
from api.http.proxy import ForwardedHeaders
from api.http.request_log import PROBES, RequestLog
from api.jobs import checkpoints, comparison, edits, history, listing, predictions
from api.jobs import endpoints as jobs
from api.operation import endpoints as operation
from api.operation import metrics
from api.plots import endpoints as plots
from api.streams import job, several, sweep
from api.streams.places import StreamPlaces
from api.streams.poller import EventPoller
from api.streams.reader import EventReader
from api.sweeps import endpoints as sweeps
from api.sweeps import history as sweep_history
from api.sweeps import means, published
from broker.hints import CeleryHintQueue
from broker.reconciler import Reconciler
from broker.retention import Limits, Retention
from db.session import Sessions, connect
from jobs.errors import DatabaseUnavailable
from runtime import tracing
from runtime.settings import Settings

THREADS = 100
"""Threads for requests: more than can wait for a turn at writing (db/turns.py)."""
MAX_BODY_BYTES = 64_000
"""Of all requests but those with long arrays. An image to be classified has 20 kB, a chain of 1,000 layers 50 kB."""
ARRAYS = ("/evaluate", "/gradients/clip")
"""Ends of the paths that take 100,000 numbers."""
EVERYWHERE = responses.declare_errors(401, 422, 429, DatabaseUnavailable)
"""Errors of every request under /v1: of its key, which the database knows, its text and parameters."""
DESCRIPTION = """
Errors are `application/problem+json`; their `code` is stable. Floats survive the round trip exactly; a number that is
not finite is `null`, and `non_finite` in the same object names it. Times are UTC, durations are in seconds.

Where several formats are listed, `Accept` chooses one, or `?format=` does: `csv`, `ndjson`, `parquet`, `svg`, `png`.

A query parameter that the endpoint does not know is 422, and so is one that is given twice, unless it is a list.
Numbers are written in ASCII digits. A body is JSON in UTF-8 in which no object has a key twice. HEAD works wherever GET
does.
"""


def create_app(settings: Settings) -> FastAPI:
    """Compose the service on the database and broker of the settings; neither is connected to before it starts."""
    configuration = configure_telemetry(settings)  # before the database is connected, whose statements it traces
    sessions = connect(settings.database)
    hints = CeleryHintQueue(settings.broker_url)
    reconciler = Reconciler(
        sessions,
        hints,
        interval_seconds=settings.reconcile_seconds,
        lease_seconds=settings.lease_seconds,
        retention=make_retention(sessions, settings),
    )

    @asynccontextmanager
    async def run(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        reconciler.start()
        yield
        reconciler.stop()
        hints.close()
        sessions.close()

    release = version("activation-lab")
    app = FastAPIOffline(
        title="Activation Lab",
        summary="Exact activation functions, and a queue of jobs that train the MNIST CNN for each of them.",
        version=release,
        description=DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        openapi_tags=openapi.TAGS,
        root_path_in_servers=False,
        lifespan=run,
        telemetry=configuration,
    )
    app.state.settings, app.state.sessions, app.state.hints = settings, sessions, hints
    app.state.poller, app.state.reader = EventPoller(sessions), EventReader(sessions)
    app.state.places = StreamPlaces(per_address=settings.max_streams_per_address, most=settings.max_streams)
    app.state.metrics = metrics.Metrics(release)
    install_parts(app, settings)
    return app


def make_retention(sessions: Sessions, settings: Settings) -> Retention | None:
    if not (settings.keep_jobs_days or settings.keep_jobs):
        return None
    max_age = timedelta(days=settings.keep_jobs_days) if settings.keep_jobs_days else None
    return Retention(sessions, settings.checkpoints, Limits(max_age, settings.keep_jobs or None))


def install_parts(app: FastAPI, settings: Settings) -> None:
    """Add middleware, of which a later one is around the earlier ones, and routes, of which the first match answers."""
    larger = dict.fromkeys(ARRAYS, settings.max_body_bytes)
    app.add_middleware(BodyLimit, max_bytes=min(MAX_BODY_BYTES, settings.max_body_bytes), larger=larger)
    app.add_middleware(Methods)
    app.add_middleware(auth.RequireKey)
    app.add_middleware(OwnSite, hosts=settings.hosts, origins=settings.origins)
    app.add_middleware(errors.Errors)
    app.add_middleware(Cors, origins=settings.origins)
    app.add_middleware(RequestLog, observers=[app.state.metrics.http])
    errors.install(app)
    for router in (operation.router, metrics.router, make_router()):
        app.include_router(router)
    page.install(app)
    app.add_middleware(ForwardedHeaders, trusted=settings.forwarded_allow_ips, root_path=settings.root_path)
    openapi.install(app)


def configure_telemetry(settings: Settings) -> TelemetryConfig:
    """Configure FastAPI's own telemetry: a span a request, in the trace that its client began, if any."""
    provider = tracing.start(settings, "activation-lab-api")
    others: TelemetryConfig = {"metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
    return {"tracing": provider is not None, "tracer_provider": provider, "exclude": is_probe, **others}


def is_probe(scope: Mapping[str, Any]) -> bool:
    return scope.get("path") in PROBES


def make_router() -> APIRouter:
    access = [Depends(auth.BEARER), Depends(auth.refuse_others)]
    router = APIRouter(prefix="/v1", dependencies=access, responses=EVERYWHERE)
    # Tried in this order: first what clients ask for most; curves before activations, none of which is named plot.svg.
    for part in (
        jobs,
        listing,
        history,
        job,
        several,
        edits,
        checkpoints,
        predictions,
        sweeps,
        sweep_history,
        means,
        sweep,
        plots,
        comparison,
        published,
        definitions,
        curves,
        activations,
        gradients,
    ):
        router.include_router(part.router)
    router.include_router(operation.workers_router)
    return router
