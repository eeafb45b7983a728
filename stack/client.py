"""A client of the HTTP API."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from stack.client_errors import ServiceError, Unusable, passing, service_error, unreachable
from stack.events import Event, Stream, mention

JSON = dict[str, Any]  # Any: as the service sent it; its OpenAPI says what is in it

TIMEOUT = httpx.Timeout(30, connect=5)
STREAM_TIMEOUT = httpx.Timeout(30, connect=5, read=45)  # seconds; the stream's comments come every 15
ATTEMPTS = 4
BACKOFF_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 5.0
MAX_PAGE = 200
DIRECT = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}  # whatever HTTP_PROXY says


class Client:
    """Every method raises a ClientError.

    A request that nobody answered is sent again, up to three times. That is safe: a submit carries an idempotency key,
    and every other request may be repeated.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        backoff_seconds: float = BACKOFF_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        wait = wait_exponential_jitter(multiplier=backoff_seconds, max=MAX_BACKOFF_SECONDS, jitter=backoff_seconds)
        self._retrying = Retrying(
            retry=retry_if_exception(passing), wait=wait, stop=stop_after_attempt(ATTEMPTS), reraise=True
        )
        try:
            self._http = httpx.Client(
                base_url=self.url, headers=authorization(api_key), timeout=TIMEOUT, mounts=DIRECT, transport=transport
            )
        except httpx.InvalidURL as error:
            raise Unusable(f"{url} is not a URL: {error}") from error
        if self._http.base_url.scheme not in {"http", "https"} or not self._http.base_url.host:
            raise Unusable(f"{url} is not a URL such as http://127.0.0.1:8000")

    def close(self) -> None:
        self._http.close()

    def activations(self) -> list[JSON]:
        """The catalog, the article's six first."""
        return list(self._holding("data", self._send("GET", "/v1/activations"))["data"])

    def evaluate(self, activation: str, x: Sequence[float], parameters: Mapping[str, Any] | None = None) -> JSON:
        """Value and derivative at each x."""
        body = {"x": list(x), "parameters": dict(parameters or {})}
        path = f"/v1/activations/{segment(activation)}/evaluate"
        return self._holding("value", self._send("POST", path, body=body))

    def submit(self, spec: Mapping[str, Any]) -> JSON:
        """The job, accepted: exactly one, however often the connection is cut meanwhile."""
        return self._created("/v1/jobs", spec)

    def submit_sweep(self, spec: Mapping[str, Any]) -> JSON:
        """The sweep, accepted with all of its jobs: as above."""
        return self._created("/v1/sweeps", spec)

    def _created(self, path: str, body: Mapping[str, Any]) -> JSON:
        headers = {"Idempotency-Key": uuid4().hex}
        return self._holding("id", self._send("POST", path, body=body, headers=headers))

    def get(self, job_id: str) -> JSON:
        return self._holding("id", self._send("GET", job_path(job_id)))

    def jobs(self, *, limit: int | None = None, filters: Mapping[str, str] | None = None) -> Iterator[JSON]:
        """The first `limit` jobs (None = all), page by page; filters and `sort` as the API's query has them."""
        query: dict[str, str | int] = {**(filters or {})}
        while limit is None or limit > 0:
            query["limit"] = MAX_PAGE if limit is None else min(limit, MAX_PAGE)
            page = self._holding("data", self._send("GET", "/v1/jobs", query=query))
            yield from page["data"]
            if not page.get("next_cursor"):
                return
            query["cursor"] = page["next_cursor"]
            limit = None if limit is None else limit - len(page["data"])

    def cancel(self, job_id: str) -> JSON:
        return self._holding("id", self._send("POST", f"{job_path(job_id)}/cancel"))

    def history(self, job_id: str) -> list[JSON]:
        """Every epoch, oldest first."""
        return list(self._holding("epochs", self._send("GET", f"{job_path(job_id)}/history"))["epochs"])

    def layers(self, job_id: str) -> list[JSON]:
        """Every layer after every epoch."""
        return list(self._holding("layers", self._send("GET", f"{job_path(job_id)}/layers"))["layers"])

    def history_file(self, job_id: str, kind: Literal["csv", "parquet"]) -> bytes:
        """The same as a file."""
        return self._send("GET", f"{job_path(job_id)}/history", query={"format": kind}).content

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """The job's events after that number up to its `end`: each once, however often the connection is cut.

        Raises:
            ClientError: the service was away for two minutes on end, or knows no such job.
        """
        with closing(Stream(lambda seen: self._open_stream(job_id, seen), after)) as stream:
            patiently = self._retrying.copy(stop=stream.away_too_long, before_sleep=mention)
            while (event := patiently(stream.next)) is not None:
                yield event

    def _open_stream(self, job_id: str, seen: int) -> httpx.Response:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store", "Last-Event-ID": str(seen)}
        request = self._http.build_request("GET", f"{job_path(job_id)}/stream", headers=headers, timeout=STREAM_TIMEOUT)
        return self._answer(request, stream=True)

    def _holding(self, field: str, response: httpx.Response) -> JSON:
        """The answer, which has this field unless something else answers at the URL."""
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or field not in answer:
            raise ServiceError(response.status_code, f"{self.url} answers, but not as Activation Lab")
        return answer

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        request = self._http.build_request(
            method,
            path,
            content=None if body is None else encoded(body),
            params=query,
            headers={"Content-Type": "application/json", **(headers or {})},
        )
        return self._retrying(self._answer, request)

    def _answer(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        try:
            response = self._http.send(request, stream=stream)
            if response.is_success:
                return response
            response.read()
        except httpx.RequestError as error:
            raise unreachable(self.url, error) from error
        raise service_error(response)


def authorization(api_key: str | None) -> dict[str, str]:
    if not api_key:
        return {}
    if not (api_key.isascii() and api_key.isprintable()):
        raise Unusable("the API key holds characters that no key has")
    return {"Authorization": f"Bearer {api_key}"}


def job_path(job_id: str) -> str:
    return f"/v1/jobs/{segment(job_id)}"


def segment(text: str) -> str:
    return quote(text, safe="", errors="replace")


def encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except ValueError as error:
        raise Unusable("only finite numbers can be sent") from error
