"""Spans for OpenTelemetry, where the settings name a collector; elsewhere nothing that makes them is imported.

A process traces from `start` on, as it logs from `logs.start` on; before that, and without a collector, every function
here does nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from time import time_ns
from typing import TYPE_CHECKING

from runtime.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

FLUSHED_WITHIN_MILLISECONDS = 2000

_provider: "TracerProvider | None" = None

Attributes = Mapping[str, str | int | float]


def start(settings: Settings, service: str) -> "TracerProvider | None":
    """Send this process's spans to the collector of the settings, if they name one, under the name of this service."""
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


def active() -> bool:
    return _provider is not None


@contextmanager
def span(name: str, attributes: Attributes, *, carrier: Mapping[str, str] | None = None) -> Iterator[None]:
    """Everything within belongs to this span, which belongs to that of the carrier, perhaps in another process."""
    if _provider is None:
        yield
        return
    from opentelemetry import propagate  # noqa: PLC0415

    parent = propagate.extract(carrier) if carrier else None
    with _provider.get_tracer(__name__).start_as_current_span(name, parent, attributes=attributes):
        yield


def ended(name: str, attributes: Attributes, *, seconds: float) -> None:
    """A span that ends now and took so long, in the one that is open here; none where none is."""
    if _provider is None or not open_here():
        return
    now = time_ns()
    made = _provider.get_tracer(__name__).start_span(name, attributes=attributes, start_time=now - int(seconds * 1e9))
    made.end(now)


def carrier() -> dict[str, str]:
    """What leads from elsewhere to the span that is open here: W3C trace context, or nothing."""
    headers: dict[str, str] = {}
    if open_here():
        from opentelemetry import propagate  # noqa: PLC0415

        propagate.inject(headers)
    return headers


def trace_id() -> str | None:
    """Of the span that is open here, or that was to the end of the answer, in hex."""
    if _provider is None:
        return None
    from opentelemetry.trace import format_trace_id, get_current_span  # noqa: PLC0415

    context = get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None


def open_here() -> bool:
    if _provider is None:
        return False
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    return get_current_span().is_recording()


def flush() -> None:
    """Send what waits: a process that is killed sends nothing more."""
    if _provider is not None:
        _provider.force_flush(FLUSHED_WITHIN_MILLISECONDS)
