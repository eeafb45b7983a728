import os
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
