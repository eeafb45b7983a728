"""The endpoint that Prometheus scrapes."""

import threading

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from api.dependencies import Hints, Sessions
from api.http.responses import declare_errors
from api.http.threads import probe
from api.operation.http_metrics import HttpMetrics
from api.operation.job_metrics import JobMetrics
from broker.hints import HintQueue
from db import schema
from db.session import Sessions as DatabaseSessions
from jobs.errors import DatabaseUnavailable

router = APIRouter(tags=["operation"])

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series for each counter, which nothing uses


class Metrics:
    """All metrics of one app; one scrape at a time."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self.http = HttpMetrics(self.registry)
        self.jobs = JobMetrics()
        self.registry.register(self.jobs)
        build = Info("activation_lab_build", "What runs here.", registry=self.registry)
        build.info({"version": version, "schema": schema.VERSION})
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._lock = threading.Lock()

    def render(self, sessions: DatabaseSessions, hints: HintQueue, accept: str) -> tuple[bytes, str]:
        """Render the metrics as they are now; returns them and their media type."""
        encode, media_type = choose_encoder(accept)
        with self._lock:
            self.jobs.read(sessions, hints)
            return encode(self.registry), media_type


EXPOSITION = {"schema": {"type": "string"}, "example": 'activation_lab_up{part="database"} 1.0\n'}


@router.get(
    "/metrics",
    name="metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": EXPOSITION}}, **declare_errors(401, 429, DatabaseUnavailable)},
)
@probe
def scrape(request: Request, sessions: Sessions, hints: Hints) -> Response:
    """Get metrics in Prometheus's text format, or as OpenMetrics if the client accepts that.

    With API keys it needs one, unless ACTIVATION_LAB_PUBLIC_METRICS is set.

    Answers even while the database or the broker is away: `activation_lab_up` is then 0, and its metrics are absent.
    """
    collected: Metrics = request.app.state.metrics
    body, media_type = collected.render(sessions, hints, request.headers.get("Accept", ""))
    return Response(body, media_type=media_type, headers={"Vary": "Accept"})
