import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from time import monotonic

import fsspec
import pytest

from storage import files
from tests.support.names import NAMES


def test_a_file_is_durable_before_it_has_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        events.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def watched_replace(source: Path, target: Path) -> Path:
        events.append(f"{source.name} -> {target.name}")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)

    files.write(f"{tmp_path.as_uri()}/job/name", b"content")

    assert events == [tmp_path.name, ".name.partial", ".name.partial -> name", "job"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "job").mkdir()
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        files.write(f"{tmp_path.as_uri()}/job/name", b"content")
    assert list((tmp_path / "job").iterdir()) == []


def test_deleting_a_folder_deletes_its_files_and_is_idempotent(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / ".name.partial").touch()

    files.delete_folder(f"{tmp_path.as_uri()}/job")
    files.delete_folder(f"{tmp_path.as_uri()}/job")

    assert not (tmp_path / "job").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_any_name_holds_files(name: str, tmp_path: Path) -> None:
    folder_url = (tmp_path / name).as_uri()
    files.write(files.join(folder_url, "job/file"), b"content")

    assert (tmp_path / name / "job" / "file").read_bytes() == b"content"
    assert files.read(files.join(folder_url, "job/file")) == b"content"
    files.delete_folder(files.join(folder_url, "job"))
    assert [*(tmp_path / name).iterdir()] == []


@pytest.mark.parametrize("path", ["/job", "../job", "job/../../x", "job//file", "./job", "job/", "", "file:///x"])
def test_a_path_that_leads_elsewhere_names_nothing(path: str, checkpoints_url: str) -> None:
    with pytest.raises(FileNotFoundError, match="names nothing below"):
        files.join(checkpoints_url, path)


def test_a_path_is_taken_literally(file_url: str) -> None:
    assert files.to_path(files.join(file_url, "%2e%2e/x")) == files.to_path(file_url) / "%2e%2e" / "x"


def test_a_deleted_folder_leaves_its_neighbours(checkpoints_url: str) -> None:
    for name in ("job/one", "job/two", "job-2/one"):
        files.write(f"{checkpoints_url}/{name}", b"content")

    files.delete_folder(f"{checkpoints_url}/job")
    files.delete_folder(f"{checkpoints_url}/job")

    assert files.read(f"{checkpoints_url}/job-2/one") == b"content"
    for name in ("one", "two"):
        with pytest.raises(FileNotFoundError):
            files.read(f"{checkpoints_url}/job/{name}")


def test_a_part_is_read(checkpoints_url: str) -> None:
    files.write(f"{checkpoints_url}/name", b"0123456789")

    assert files.read(f"{checkpoints_url}/name", start=3, end=6) == b"345"


def test_what_another_process_wrote_and_deleted_is_seen(s3_url: str) -> None:
    """Neither a listing nor a missing file is cached."""
    other = fsspec.filesystem("s3", skip_instance_cache=True)
    files.delete_folder(s3_url)
    with pytest.raises(FileNotFoundError):
        files.read(f"{s3_url}/name")

    other.pipe_file(f"{s3_url}/name", b"content")

    assert files.read(f"{s3_url}/name") == b"content"
    files.delete_folder(s3_url)
    assert not other.exists(f"{s3_url}/name")


def test_any_thread_may_write_and_read(s3_url: str) -> None:
    urls = [f"{s3_url}/{number}" for number in range(20)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(files.write, urls, (url.encode() for url in urls)))
        contents = list(threads.map(files.read, urls))

    assert contents == [url.encode() for url in urls]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A real filesystem of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if mount.returncode != 0:
        pytest.skip(f"no filesystem can be mounted here: {mount.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_real_full_disk_leaves_what_was_there_and_nothing_else(full_disk: Path) -> None:
    url = f"{full_disk.as_uri()}/job"
    files.write(f"{url}/first", bytes(600_000))

    with pytest.raises(OSError, match="No space left"):
        files.write(f"{url}/second", bytes(600_000))

    assert [path.name for path in (full_disk / "job").iterdir()] == ["first"]
    assert files.read(f"{url}/first") == bytes(600_000)
    files.write(f"{url}/third", bytes(300_000))


def test_a_write_that_the_system_cuts_short_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files instead of a full disk, where nothing can be mounted."""
    program = """
import resource, signal, sys
from storage import files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
files.write(sys.argv[1] + "/first", bytes(90_000))
try:
    files.write(sys.argv[1] + "/second", bytes(200_000))
except OSError as error:
    print(error.strerror)
"""
    result = subprocess.run(
        [sys.executable, "-c", program, f"{tmp_path.as_uri()}/job"], capture_output=True, text=True, check=True
    )

    assert result.stdout == "File too large\n"
    assert [path.name for path in (tmp_path / "job").iterdir()] == ["first"]


def test_a_name_that_is_a_folder_leaves_nothing(file_url: str, tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "name").mkdir(parents=True)

    with pytest.raises(IsADirectoryError):
        files.write(f"{file_url}/name", b"content")

    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["name"]


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
