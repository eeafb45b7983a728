import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import files


def test_a_file_is_durable_before_it_has_its_name_and_the_name_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
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


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "job").mkdir()
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        files.write(f"{tmp_path.as_uri()}/job/name", b"content")
    assert list((tmp_path / "job").iterdir()) == []


def test_a_folder_goes_with_all_in_it_and_twice_is_fine(tmp_path: Path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / ".name.partial").touch()

    files.delete_folder(f"{tmp_path.as_uri()}/job")
    files.delete_folder(f"{tmp_path.as_uri()}/job")

    assert not (tmp_path / "job").exists()


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


def test_a_real_full_disk_leaves_what_was_there_and_nothing_else(full_disk: Path):
    url = f"{full_disk.as_uri()}/job"
    files.write(f"{url}/first", bytes(600_000))

    with pytest.raises(OSError, match="No space left"):
        files.write(f"{url}/second", bytes(600_000))

    assert [path.name for path in (full_disk / "job").iterdir()] == ["first"]
    assert files.read(f"{url}/first") == bytes(600_000)
    files.write(f"{url}/third", bytes(300_000))


def test_a_write_that_the_system_cuts_short_leaves_nothing(tmp_path: Path):
    """Where nothing can be mounted, a limit on the size of files stands in for the full disk."""
    program = """
import resource, signal, sys
from db import files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
files.write(sys.argv[1] + "/first", bytes(90_000))
try:
    files.write(sys.argv[1] + "/second", bytes(200_000))
except OSError as error:
    print(error.strerror)
"""
    told = subprocess.run(
        [sys.executable, "-c", program, f"{tmp_path.as_uri()}/job"], capture_output=True, text=True, check=True
    )

    assert told.stdout == "File too large\n"
    assert [path.name for path in (tmp_path / "job").iterdir()] == ["first"]


def test_a_name_that_cannot_be_had_leaves_nothing(tmp_path: Path):
    (tmp_path / "checkpoints" / "name").mkdir(parents=True)

    with pytest.raises(IsADirectoryError):
        files.write(f"{tmp_path.as_uri()}/checkpoints/name", b"content")

    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["name"]
