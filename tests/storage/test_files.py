import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
