import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import monotonic

import pytest

from storage import files

FORBIDDEN = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
BROKEN = b"<Error><Code>InternalError</Code><Message>Internal error</Message></Error>"


def make_response(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


OUTAGES: Mapping[str, bytes | None] = {
    "refused": None,
    "hung": b"",
    "access denied": make_response("403 Forbidden", FORBIDDEN),
    "an error of the server": make_response("500 Internal Server Error", BROKEN),
    "no XML": make_response("503 Service Unavailable", b"the proxy is tired"),
    "no HTTP": b"220 mail\r\n",
    "an answer cut short": make_response("200 OK", bytes(100))[:-50],
}
"""The server's response to every request; None = there is no server, empty = it never responds."""


@contextmanager
def broken_server(response: bytes | None) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if response is None:
            listener.close()
        elif response:
            threading.Thread(target=send_to_all, args=(listener, response), daemon=True).start()
        yield endpoint
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def send_to_all(listener: socket.socket, response: bytes) -> None:
    with suppress(OSError):  # the test has ended
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(response)


CALLS: Mapping[str, Callable[[str], object]] = {
    "write": lambda url: files.write(url, bytes(14_000_000)),
    "read": files.read,
    "read a part": lambda url: files.read(url, start=0, end=9),
    "delete": files.delete,
    "delete a folder": files.delete_folder,
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_is_an_os_error_and_never_a_missing_file(
    outage: str, aws: Callable[[Mapping[str, str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "TRANSFER_SECONDS", 0.2)
    monkeypatch.setattr(files, "REQUEST_SECONDS", 0.2)
    with broken_server(OUTAGES[outage]) as endpoint:
        aws({"AWS_ENDPOINT_URL": endpoint, "AWS_MAX_ATTEMPTS": "1"})
        met = {call: catch_error(CALLS[call]) for call in CALLS}

    for call, error in met.items():
        assert isinstance(error, OSError), (call, error)
        assert not isinstance(error, FileNotFoundError), call
        assert str(error), call


def catch_error(call: Callable[[str], object]) -> Exception | None:
    try:
        call("s3://bucket/job/name")
    except Exception as error:  # noqa: BLE001  # its class is what is tested
        return error
    return None


def test_a_server_that_hangs_is_waited_for_no_longer_than_the_timeout(
    aws: Callable[[Mapping[str, str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "TRANSFER_SECONDS", 0.5)
    with broken_server(b"") as endpoint:
        aws({"AWS_ENDPOINT_URL": endpoint})
        began = monotonic()
        with pytest.raises(TimeoutError, match="s3://bucket/name: no answer within"):
            files.read("s3://bucket/name")

    assert monotonic() - began < 30  # the library itself waits for a minute, and tries again


def test_missing_credentials_are_an_os_error(
    aws: Callable[[Mapping[str, str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with broken_server(b"") as endpoint:
        aws({"AWS_ENDPOINT_URL": endpoint})
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        with pytest.raises(OSError, match="NoCredentialsError"):
            files.write("s3://bucket/name", b"content")


def test_a_missing_bucket_takes_no_checkpoint(s3_url: str) -> None:
    with pytest.raises(OSError, match="bucket does not exist"):
        files.write(f"{s3_url.replace('test-', 'other-')}/name", b"content")


LISTED = b"""<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated><KeyCount>1</KeyCount>
<Contents><Key>job/name</Key><Size>7</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>
</ListBucketResult>"""


def test_objects_that_may_be_listed_but_not_deleted_are_reported(aws: Callable[[Mapping[str, str]], None]) -> None:
    """S3 responds to a request to delete many with a 200 that lists the refused ones."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(make_response("200 OK", LISTED))

        def do_DELETE(self) -> None:
            self.wfile.write(make_response("403 Forbidden", FORBIDDEN))

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        aws({"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"})
        with pytest.raises(PermissionError):
            files.delete_folder("s3://bucket/job")
        server.shutdown()
