"""A client of the HTTP API."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from cli.client_errors import (
    NotFound,
    ServiceError,
    Unusable,
    is_transient,
    make_unreachable,
    read_service_error,
)
from cli.events import Event, Stream, log_cut

JSON = dict[str, Any]  # Any: as the service sent it; its OpenAPI says what is in it
Noun = Literal["jobs", "sweeps"]
Query = Mapping[str, str | int]
LAST_EVENT: Mapping[Noun, str] = {"jobs": "end", "sweeps": "sweep_end"}

TIMEOUT = httpx.Timeout(30, connect=5)
STREAM_TIMEOUT = httpx.Timeout(30, connect=5, read=45)  # seconds; the stream's comments come every 15
ATTEMPTS = 4
BACKOFF_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 5.0
MAX_PAGE = 200
DIRECT = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}  # whatever HTTP_PROXY says


class Client:
    """Every method raises a ClientError.

    A request without an answer is sent again, up to three times, where that is idempotent: a submit or retry carries an
    idempotency key, and most others are idempotent by themselves.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        backoff_seconds: float = BACKOFF_SECONDS,
        attempts: int = ATTEMPTS,
        timeout_seconds: float | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.strip().rstrip("/")
        wait = wait_exponential_jitter(multiplier=backoff_seconds, max=MAX_BACKOFF_SECONDS, jitter=backoff_seconds)
        self.retrying = Retrying(
            retry=retry_if_exception(is_transient), wait=wait, stop=stop_after_attempt(attempts), reraise=True
        )
        try:
            self.http = httpx.Client(
                base_url=self.url,
                headers=make_authorization(api_key),
                timeout=timeout_seconds or TIMEOUT,
                mounts=DIRECT,
                transport=transport,
            )
        except httpx.InvalidURL as error:
            raise Unusable(f"{url} is not a URL: {error}") from error
        if self.http.base_url.scheme not in {"http", "https"} or not self.http.base_url.host:
            raise Unusable(f"{url} is not a URL such as http://127.0.0.1:8000")

    def close(self) -> None:
        self.http.close()

    def list_activations(self) -> list[JSON]:
        """The catalog, the article's six first, then the activations that were defined."""
        return list(self.read_pages("/v1/activations", None, {}))

    def define(self, definition: Mapping[str, Any]) -> JSON:
        """Define an activation by its name and formula; the same again is the same activation."""
        return self.read_json("formula", self.send("POST", "/v1/activations", body=definition))

    def preview(self, definition: Mapping[str, Any]) -> JSON:
        """Describe a formula, which has no name yet, without storing it."""
        return self.read_json("formula", self.send("POST", "/v1/activations/preview", body=definition))

    def undefine(self, activation: str) -> None:
        """Delete a defined activation. It is not sent again, as with delete()."""
        self.send("DELETE", f"/v1/activations/{quote_segment(activation)}", repeat=False)

    def evaluate(self, activation: str, x: Sequence[float], parameters: Mapping[str, Any] | None = None) -> JSON:
        """Value and derivative at each x."""
        body = {"x": list(x), "parameters": dict(parameters or {})}
        path = f"/v1/activations/{quote_segment(activation)}/evaluate"
        return self.read_json("value", self.send("POST", path, body=body))

    def submit(self, spec: Mapping[str, Any]) -> JSON:
        """Submit a job: exactly one, however often the connection is cut meanwhile."""
        return self.post_once("/v1/jobs", spec)

    def submit_sweep(self, spec: Mapping[str, Any]) -> JSON:
        """Submit a sweep with all of its jobs: exactly one, as above."""
        return self.post_once("/v1/sweeps", spec)

    def post_once(self, path: str, body: Mapping[str, Any] | None = None) -> JSON:
        headers = {"Idempotency-Key": uuid4().hex}
        return self.read_json("id", self.send("POST", path, body=body, headers=headers))

    @staticmethod
    def make_path(thing_id: str, of: Noun = "jobs") -> str:
        return f"/v1/{of}/{quote_segment(thing_id)}"

    def get(self, thing_id: str, *, of: Noun = "jobs") -> JSON:
        return self.read_json("id", self.send("GET", self.make_path(thing_id, of)))

    def find(self, thing_id: str) -> tuple[Noun, JSON]:
        """The job or the sweep that has this id."""
        for noun in LAST_EVENT:
            with suppress(NotFound):
                return noun, self.get(thing_id, of=noun)
        raise NotFound(404, f"there is no job or sweep {thing_id}", code="not_found")

    def list_jobs(self, *, limit: int | None = None, filters: Mapping[str, str] | None = None) -> Iterator[JSON]:
        """The first `limit` jobs (None = all); filters and `sort` as the API's query has them."""
        return self.read_pages("/v1/jobs", limit, filters or {})

    def list_sweeps(self, *, limit: int | None = None) -> Iterator[JSON]:
        """The newest `limit` sweeps (None = all), without their tables."""
        return self.read_pages("/v1/sweeps", limit, {})

    def read_pages(self, path: str, limit: int | None, filters: Mapping[str, str]) -> Iterator[JSON]:
        query: dict[str, str | int] = {**filters}
        while limit is None or limit > 0:
            query["limit"] = MAX_PAGE if limit is None else min(limit, MAX_PAGE)
            page = self.read_json("data", self.send("GET", path, query=query))
            yield from page["data"]
            if not page.get("next_cursor"):
                return
            query["cursor"] = page["next_cursor"]
            limit = None if limit is None else limit - len(page["data"])

    def cancel(self, thing_id: str, *, of: Noun = "jobs") -> JSON:
        return self.read_json("id", self.send("POST", f"{self.make_path(thing_id, of)}/cancel"))

    def edit(self, job_id: str, metadata: Mapping[str, str | None]) -> JSON:
        """Set these keys of a job's metadata; None removes one."""
        return self.read_json("id", self.send("PATCH", self.make_path(job_id), body={"metadata": metadata}))

    def retry(self, job_id: str) -> JSON:
        """Submit an ended job again: exactly one new job, as above."""
        return self.post_once(f"{self.make_path(job_id)}/retry")

    def delete(self, job_id: str) -> None:
        """Delete a job and its files. It is not sent again: the second time there is no such job."""
        self.send("DELETE", self.make_path(job_id), repeat=False)

    def predict(self, job_id: str, image: Sequence[Sequence[float]]) -> JSON:
        """Classify an image of 28 rows of 28 grey levels with the job's last checkpoint."""
        return self.read_json("digit", self.send("POST", f"{self.make_path(job_id)}/predict", body={"image": image}))

    def read_history(self, job_id: str) -> list[JSON]:
        """Every epoch, oldest first."""
        return list(self.read(f"{self.make_path(job_id)}/history", holding="epochs")["epochs"])

    def read(self, path: str, query: Query | None = None, *, holding: str) -> JSON:
        """Any other JSON answer, which holds this field."""
        return self.read_json(holding, self.send("GET", path, query=query))

    def download(self, path: str, query: Query | None = None) -> bytes:
        """Any answer in bytes: a table in a format, a drawing, a checkpoint."""
        return self.send("GET", path, query=query).content

    def read_events(self, thing_id: str, *, of: Noun = "jobs", after: str = "") -> Iterator[Event]:
        """The events after the one of that id up to the last: each once, however often the connection is cut.

        `progress`, which has no id, comes in between where an epoch is slow.

        After one of kind `reset` all events come again: those before it are no longer true.

        Raises:
            ClientError: the service was away for two minutes, or has no such job or sweep.
        """
        path = self.make_path(thing_id, of)
        with closing(Stream(lambda seen: self.open_stream(path, seen), LAST_EVENT[of], after)) as stream:
            retrying = self.retrying.copy(stop=stream.is_away_too_long, before_sleep=log_cut)
            while (event := retrying(stream.next)) is not None:
                yield event

    def open_stream(self, path: str, seen: str) -> httpx.Response:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"} | (
            {"Last-Event-ID": seen} if seen else {}
        )
        request = self.http.build_request("GET", f"{path}/stream", headers=headers, timeout=STREAM_TIMEOUT)
        return self.receive(request, stream=True)

    def read_json(self, field: str, response: httpx.Response) -> JSON:
        """The JSON object of an answer of Activation Lab, which holds this field."""
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or field not in answer:
            raise ServiceError(response.status_code, f"{self.url} answers, but not as Activation Lab")
        return answer

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = True,
    ) -> httpx.Response:
        request = self.http.build_request(
            method,
            path,
            content=None if body is None else encode(body),
            params=query,
            headers={"Content-Type": "application/json", **(headers or {})},
        )
        return self.retrying(self.receive, request) if repeat else self.receive(request)

    def receive(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        try:
            response = self.http.send(request, stream=stream)
            if response.is_success:
                return response
            response.read()
        except httpx.RequestError as error:
            raise make_unreachable(self.url, error) from error
        raise read_service_error(response)


def make_authorization(api_key: str | None) -> dict[str, str]:
    api_key = (api_key or "").strip()
    if not api_key:
        return {}
    if not (api_key.isascii() and api_key.isprintable()):
        raise Unusable("the API key has characters that are not printable ASCII")
    return {"Authorization": f"Bearer {api_key}"}


def quote_segment(text: str) -> str:
    return quote(text, safe="", errors="replace")


def encode(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except ValueError as error:
        raise Unusable("only finite numbers can be sent") from error
