import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from cli import client as client_module
from cli import events
from cli.client import Client
from cli.client_errors import ServiceError, Unreachable, Unusable
from cli.events import Event
from tests.support.recorded_runs import Service
from tests.support.serving import serve

KINDS = ["state", "state", "epoch", "epoch", "epoch", "state", "end"]
EVENTS = [Event(str(number), kind, {"n": number}) for number, kind in enumerate(KINDS, 1)]


def wire(event: Event) -> bytes:
    return f"event: {event.kind}\ndata: {json.dumps(event.data)}\nid: {event.id}\n\n".encode()


def streaming(script: Callable[[int], Iterator[bytes]]) -> Callable[..., Any]:
    """A service that streams what the script yields for a Last-Event-ID, cut off where the script raises."""

    async def app(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            return
        seen = int(dict(scope["headers"]).get(b"last-event-id", 0))
        status = 204 if seen == len(EVENTS) else 200
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/event-stream")]}
        )
        for chunk in script(seen) if status == 200 else ():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app


class Cut(Exception):
    pass


def one_event_and_a_half(seen: int) -> Iterator[bytes]:
    yield wire(EVENTS[seen])
    if seen + 1 < len(EVENTS):
        yield wire(EVENTS[seen + 1])[:-8]  # all but the end of its last line
        raise Cut


def one_event_and_a_polite_end(seen: int) -> Iterator[bytes]:
    yield wire(EVENTS[seen])


def everything_between_comments(seen: int) -> Iterator[bytes]:
    for event in EVENTS[seen:]:
        yield b": ping\n\n"
        yield wire(event)
        yield b": ping\n\n"


def all_over_again_and_one_more(seen: int) -> Iterator[bytes]:
    """Send every event again and one more, as behind a proxy that drops the Last-Event-ID."""
    yield from (wire(event) for event in EVENTS[: seen + 1])
    if seen + 1 < len(EVENTS):
        raise Cut


def listen(url: str, *, after: int = 0) -> list[Event]:
    with closing(Client(url, backoff_seconds=0.01)) as client:
        return list(client.read_events("j", after=str(after)))


@pytest.mark.parametrize(
    "script",
    [one_event_and_a_half, one_event_and_a_polite_end, everything_between_comments, all_over_again_and_one_more],
)
def test_a_stream_that_is_cut_loses_and_doubles_nothing(script: Callable[[int], Iterator[bytes]]):
    with serve(streaming(script)) as url:
        assert listen(url) == EVENTS


def test_a_stream_begins_after_the_last_event_that_was_seen():
    with serve(streaming(everything_between_comments)) as url:
        assert listen(url, after=4) == EVENTS[4:]


def test_a_stream_of_which_everything_was_seen_is_empty():
    with serve(streaming(everything_between_comments)) as url:
        assert listen(url, after=len(EVENTS)) == []


def an_older_backup(seen: int) -> Iterator[bytes]:
    """Start over, since what was seen is gone, and cut at once."""
    if seen > 3:
        yield b'event: reset\ndata: {"reason": "gone"}\nid: 0\n\n'
        raise Cut
    yield from map(wire, EVENTS[seen:])


def test_after_a_reset_the_events_begin_anew():
    with serve(streaming(an_older_backup)) as url:
        assert listen(url, after=5) == [Event("0", "reset", {"reason": "gone"}), *EVENTS]


def test_progress_has_no_place_among_the_events_and_moves_no_client_on():
    cuts = iter([True])

    def script(seen: int) -> Iterator[bytes]:
        yield b'event: progress\ndata: {"images": 7}\n\n'
        if seen == 2 and next(cuts, False):
            raise Cut
        for event in EVENTS[seen:]:
            yield wire(event)
            if event.id == "2":
                raise Cut

    with serve(streaming(script)) as url:
        found = listen(url)
    progress = Event("", "progress", {"images": 7})
    assert [event for event in found if event != progress] == EVENTS
    assert found.count(progress) == 3


def test_a_cut_is_mentioned_once(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING, logger="cli"), serve(streaming(one_event_and_a_half)) as url:
        listen(url, after=5)
    said = [record.message for record in caplog.records if record.name == "cli.events"]
    assert len(said) == 1
    assert said[0].startswith("the stream was cut (")


def test_a_service_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(events, "MAX_AWAY_SECONDS", 0.1)
    with pytest.raises(Unreachable, match=r"no answer from http://127\.0\.0\.1:1 "):
        listen("http://127.0.0.1:1")


def test_events_come_from_the_real_service(service: Service):
    with closing(Client(service.url)) as client:
        job = client.submit({"activation": "relu", "epochs": 2})
        service.succeed(job["id"], epochs=2)
        found = list(client.read_events(job["id"]))
    assert [(int(event.id), event.kind) for event in found] == [
        (1, "state"), (2, "state"), (3, "epoch"), (4, "epoch"), (5, "state"), (6, "end"),
    ]  # fmt: skip
    assert found[2].data["val_loss"] == 0.05


def test_a_job_that_is_not_there_has_no_events(service: Service):
    with closing(Client(service.url)) as client, pytest.raises(ServiceError, match="there is no job nope"):
        next(client.read_events("nope"))


class Answers(httpx.MockTransport):
    """Answers in this order, whatever is asked; keeps the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        super().__init__(self.answer)
        self.answers, self.requests = list(answers), list[httpx.Request]()

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self) -> list[str]:
        return [request.headers["Idempotency-Key"] for request in self.requests]


def client_of(transport: Answers) -> Client:
    return Client("http://lab", transport=transport, backoff_seconds=0.001)


def test_a_submit_that_is_sent_again_keeps_its_idempotency_key():
    answers = Answers(
        httpx.ReadError("cut"), httpx.ReadTimeout("silent"), httpx.Response(503), httpx.Response(202, json={"id": "j"})
    )
    assert client_of(answers).submit({"activation": "relu"}) == {"id": "j"}
    assert len(answers.keys) == 4
    assert len(set(answers.keys)) == 1


def test_two_submits_have_different_keys():
    answers = Answers(*[httpx.Response(202, json={"id": "j"})] * 2)
    client = client_of(answers)
    client.submit({})
    client.submit({})
    assert len(set(answers.keys)) == 2


def test_a_service_that_is_not_there_is_one_clear_line():
    answers = Answers(*[httpx.ConnectError("Connection refused")] * client_module.ATTEMPTS)
    with pytest.raises(Unreachable) as raised:
        client_of(answers).get("j")
    assert str(raised.value) == "no answer from http://lab (Connection refused); is the service running there?"
    assert not answers.answers


PROBLEM = {
    "status": 422,
    "detail": "/epochs: too many",
    "code": "invalid_request",
    "errors": [{"pointer": "/epochs", "message": "too many"}, {"pointer": "/seed", "message": "negative"}],
}


def test_a_problem_is_its_detail_and_the_field_errors_that_lacks():
    answers = Answers(httpx.Response(422, json=PROBLEM))
    with pytest.raises(ServiceError) as raised:
        client_of(answers).submit({})
    assert str(raised.value) == "/epochs: too many; /seed: negative"
    assert (raised.value.status, raised.value.code) == (422, "invalid_request")
    assert raised.value.fields == {"/epochs": "too many", "/seed": "negative"}


@pytest.mark.parametrize("body", ["<html>", "[]", '{"errors": 3}', '{"errors": null, "detail": "x"}'])
def test_an_error_of_something_in_between_is_told_by_its_status(body: str):
    with pytest.raises(ServiceError, match="http://lab/v1/jobs/j answered 418"):
        client_of(Answers(httpx.Response(418, text=body))).get("j")


@pytest.mark.parametrize("body", ["<html>", "[]", "{}"])
def test_an_answer_of_another_service_is_told(body: str):
    with pytest.raises(ServiceError, match="http://lab answers, but not as Activation Lab"):
        client_of(Answers(httpx.Response(200, text=body))).get("j")


def test_jobs_come_page_by_page_up_to_the_limit():
    first = {"data": [{"id": str(n)} for n in range(200)], "next_cursor": "c"}
    second = {"data": [{"id": str(n)} for n in range(200, 250)], "next_cursor": "d"}
    answers = Answers(httpx.Response(200, json=first), httpx.Response(200, json=second))
    found = list(client_of(answers).list_jobs(limit=250, filters={"metadata[k]": "v"}))
    assert [job["id"] for job in found] == [str(n) for n in range(250)]
    assert [dict(request.url.params) for request in answers.requests] == [
        {"metadata[k]": "v", "limit": "200"},
        {"metadata[k]": "v", "limit": "50", "cursor": "c"},
    ]


def test_all_jobs_come_until_there_is_no_cursor():
    page = {"data": [{"id": "1"}], "next_cursor": "c"}
    answers = Answers(httpx.Response(200, json=page), httpx.Response(200, json={"data": [], "next_cursor": None}))
    assert len(list(client_of(answers).list_jobs())) == 1
    assert not answers.answers


def test_the_api_key_is_a_bearer_token():
    answers = Answers(httpx.Response(200, json={"id": "j"}))
    Client("http://lab", api_key="secret", transport=answers).get("j")
    assert answers.requests[0].headers["Authorization"] == "Bearer secret"


def test_an_id_stays_one_segment_of_the_path():
    answers = Answers(httpx.Response(200, json={"id": "j"}))
    client_of(answers).get("../a?b")
    assert answers.requests[0].url.raw_path == b"/v1/jobs/..%2Fa%3Fb"


def test_a_loopback_service_is_asked_past_the_proxy(service: Service, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with closing(Client(service.url)) as client:
        assert client.list_activations()[1]["name"] == "relu"


@pytest.mark.parametrize("url", ["lab", "ftp://lab", "http://", "http://lab:port", ""])
def test_what_is_no_url_is_refused_by_name(url: str):
    with pytest.raises(Unusable, match="is not a URL"):
        Client(url)


@pytest.mark.parametrize("key", ["schlüssel", "a\nb"])
def test_a_key_that_no_header_can_hold_is_refused(key: str):
    with pytest.raises(Unusable, match="the API key"):
        Client("http://lab", api_key=key)


def test_a_number_that_json_lacks_is_refused():
    with pytest.raises(Unusable, match="finite"):
        client_of(Answers()).evaluate("relu", [float("inf")])
