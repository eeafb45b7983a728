"""Metrics of requests: their duration, those in flight, and the open streams."""

from prometheus_client import CollectorRegistry, Gauge, Histogram

from api.http.request_log import RequestRecord

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class HttpMetrics:
    """Counts the requests of this process, as an observer of `api.http.request_log.RequestLog`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._duration = Histogram(
            "activation_lab_http_request_duration_seconds",
            "From a request's arrival to the end of its answer; of a stream, to its beginning.",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge(
            "activation_lab_http_requests_in_flight", "Requests being answered, streams aside.", registry=registry
        )
        self._streams = Gauge("activation_lab_streams_open", "Clients that listen to a stream.", registry=registry)

    def on_request(self) -> None:
        self._in_flight.inc()

    def on_answer(self, record: RequestRecord) -> None:
        """Count a request as answered; a stream is as soon as it begins."""
        self._in_flight.dec()
        labels = record.method, record.route, str(record.status)
        self._duration.labels(*labels).observe(record.seconds)
        if record.streaming:
            self._streams.inc()

    def on_close(self, record: RequestRecord) -> None:
        if record.streaming:
            self._streams.dec()
