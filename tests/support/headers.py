"""Headers of requests that the service reads."""

READ_HEADERS = (
    "Accept",
    "Content-Type",
    "Last-Event-ID",
    "Range",
    "If-Range",
    "If-None-Match",
    "If-Match",
    "If-Modified-Since",
    "Idempotency-Key",
    "X-Request-ID",
    "Accept-Encoding",
    "X-Forwarded-Prefix",
)
"""Without those that decide whether a request is served at all."""
