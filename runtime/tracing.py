"""Spans for OpenTelemetry. Without a collector in the settings, none of its packages is imported.

A process traces after `start`, as it logs after `logs.start`; before that, and without a collector, every function here
does nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from time import time_ns
from typing import TYPE_CHECKING

from runtime.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

FLUSH_TIMEOUT_MILLISECONDS = 2000

_provider: "TracerProvider | None" = None

Attributes = Mapping[str, str | int | float]


def start(settings: Settings, service: str) -> "TracerProvider | None":
    """Send this process's spans to the settings' collector, if there is one, under the name of this service."""
    global _provider  # noqa: PLW0603  # a process traces, or it does not
    if settings.otlp_endpoint and _provider is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        resource = Resource.create({"service.name": service, "service.version": version("activation-lab")})
        exporter = OTLPSpanExporter(f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=5)
        _provider = TracerProvider(resource=resource)
        _provider.add_span_processor(BatchSpanProcessor(exporter))
    return _provider


def is_active() -> bool:
    return _provider is not None


@contextmanager
def span(name: str, attributes: Attributes, *, carrier: Mapping[str, str] | None = None) -> Iterator[None]:
    """Open a span for the block, as a child of the carrier's span, perhaps of another process."""
    if _provider is None:
        yield
        return
    from opentelemetry import propagate  # noqa: PLC0415

    parent = propagate.extract(carrier) if carrier else None
    with _provider.get_tracer(__name__).start_as_current_span(name, parent, attributes=attributes):
        yield


def record_span(name: str, attributes: Attributes, *, seconds: float) -> None:
    """Record a span that ends now and took so long, as a child of the open one; none where none is open."""
    if _provider is None or not is_recording():
        return
    now = time_ns()
    recorded = _provider.get_tracer(__name__).start_span(
        name, attributes=attributes, start_time=now - int(seconds * 1e9)
    )
    recorded.end(now)


def make_carrier() -> dict[str, str]:
    """Return the W3C trace context of the open span, for another process; empty where none is open."""
    headers: dict[str, str] = {}
    if is_recording():
        from opentelemetry import propagate  # noqa: PLC0415

        propagate.inject(headers)
    return headers


def get_trace_id() -> str | None:
    """Return the id, in hex, of the trace of the current span, also after that span has ended."""
    if _provider is None:
        return None
    from opentelemetry.trace import format_trace_id, get_current_span  # noqa: PLC0415

    context = get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None


def is_recording() -> bool:
    if _provider is None:
        return False
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    return get_current_span().is_recording()


def flush() -> None:
    """Send the spans that wait, because a process that is killed sends nothing more."""
    if _provider is not None:
        _provider.force_flush(FLUSH_TIMEOUT_MILLISECONDS)
