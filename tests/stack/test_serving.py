"""Clients that do not finish, do not read or come in crowds."""

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event
from time import sleep
from urllib.parse import urlsplit

import pytest
from starlette.types import Receive, Scope, Send

from stack import listening, serving
from stack.serving import Connection, ConnectionLimit
from tests.support.serving import serve

HEAD = b"POST /x HTTP/1.1\r\nHost: localhost\r\n"
PATIENT_SECONDS = 60


async def answer(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    """Answer without reading the body."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def read_and_answer(scope: Scope, receive: Receive, send: Send) -> None:
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.request":
        await answer(scope, receive, send)


@contextmanager
def connect(url: str) -> Iterator[socket.socket]:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENT_SECONDS) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side closes; a client that does not get there fails by its timeout."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionError:
        pass
    return found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "receive_seconds", 0.3)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        HEAD,
        HEAD + b"X-Long: ",
        HEAD + b"Content-Length: 100\r\n\r\nhalf",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhal",
        HEAD + b"Content-Length: 2\r\n\r\n{}" + HEAD,
    ],
)
def test_a_request_that_does_not_end_is_cut_off(sent: bytes) -> None:
    with serve(read_and_answer) as url, connect(url) as connection:
        connection.sendall(sent)
        assert read_all(connection).count(b"HTTP/1.1 200") == sent.count(b"{}")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("before", [b"", HEAD + b"Content-Length: 2\r\n\r\n{}"])
def test_a_byte_now_and_then_gains_no_time(before: bytes) -> None:
    with serve(read_and_answer) as url, connect(url) as connection:
        connection.sendall(before + HEAD + b"X-Long: ")
        with pytest.raises(ConnectionError):  # noqa: PT012  # at any of them
            while True:
                connection.sendall(b"a")
                sleep(0.05)


@pytest.mark.usefixtures("impatient")
def test_an_answer_may_take_as_long_as_it_likes() -> None:
    """A stream is idle for minutes."""

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        import anyio  # noqa: PLC0415

        await send({"type": "http.response.start", "status": 200, "headers": []})
        for word in (b"first ", b"second ", b"last"):
            await anyio.sleep(0.5)
            await send({"type": "http.response.body", "body": word, "more_body": word != b"last"})

    with serve(stream) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENT_SECONDS)
        for _ in range(2):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"first second last"
        connection.close()


@pytest.mark.parametrize("app", [answer, read_and_answer])
def test_a_connection_is_used_again(app: Callable[..., None]) -> None:
    with serve(app) as url, connect(url) as connection:
        connection.sendall(2 * (HEAD + b"Content-Length: 2\r\n\r\n{}") + HEAD + b"Connection: close\r\n\r\n")
        assert read_all(connection).count(b"HTTP/1.1 200") == 3


def test_a_body_without_end_is_not_read_to_its_end() -> None:
    megabyte = 1_000_000
    chunk = b"%x\r\n%s\r\n" % (megabyte, b"x" * megabyte)
    with serve(answer) as url, connect(url) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(ConnectionError):  # noqa: PT012  # at any of them
            for _ in range(100):
                connection.sendall(chunk)


def test_a_client_that_sends_first_and_reads_later_gets_its_answer() -> None:
    body = b"x" * (Connection.max_discarded_bytes // 2)
    with serve(answer) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENT_SECONDS)
        for _ in range(3):
            connection.request("POST", "/", body)
            assert connection.getresponse().read() == b"ok"
        connection.close()


def test_a_client_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "WRITE_SECONDS", 1)
    released = Event()

    async def pour(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
        released.set()

    with serve(pour) as url, connect(url) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert released.wait(PATIENT_SECONDS)


def test_connections_beyond_the_most_are_answered_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "ConnectionLimit", lambda _: ConnectionLimit(3))
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serve(answer) as url, ExitStack() as opened:
        held = [opened.enter_context(connect(url)) for _ in range(3)]
        for _ in range(10):
            with connect(url) as refused:
                head, _, body = read_all(refused).partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
                assert json.loads(body)["code"] == "too_many_connections"
        held[0].sendall(request)
        assert held[0].recv(100).startswith(b"HTTP/1.1 200"), "who is there is served"
        held[1].close()
        for _ in range(100):  # until the server has noticed
            with connect(url) as served:
                served.sendall(request)
                if served.recv(100).startswith(b"HTTP/1.1 200"):
                    return
        pytest.fail("a place that is free again is not given away")


@pytest.mark.parametrize("hard", [256, 1024])
def test_descriptors_are_raised_to_the_hard_limit_and_some_are_kept_back(hard: int) -> None:
    program = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({hard // 2}, {hard}))
from stack.serving import make_options
options = make_options()
print(*resource.getrlimit(resource.RLIMIT_NOFILE), options["backlog"], options["http"].keywords["limit"].connections)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    soft, same, backlog, connections = map(int, result.stdout.split())
    assert (soft, same) == (hard, hard)
    assert hard // 3 < connections < hard - 3 * backlog - hard // 5
