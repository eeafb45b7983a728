import hashlib
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from db.models import Checkpoint
from jobs.errors import CheckpointDamaged
from storage import files
from worker.checkpoint import Checkpoints

TENSORS = {"weight": torch.arange(12.0).view(3, 4), "epoch": torch.tensor(7)}


@pytest.fixture
def checkpoints(checkpoints_url: str) -> Checkpoints:
    return Checkpoints(checkpoints_url)


def save(checkpoints: Checkpoints, *, epoch: int = 7, attempt: int = 2) -> Checkpoint:
    return Checkpoint(job_id="job", **asdict(checkpoints.save("job", epoch, attempt, TENSORS)))


def list_file(path: str, *, size_bytes: int = 10) -> Checkpoint:
    return Checkpoint(job_id="job", path=path, sha256="0" * 64, size_bytes=size_bytes)


def test_what_is_saved_is_loaded(checkpoints: Checkpoints) -> None:
    saved = save(checkpoints)

    loaded = checkpoints.load(saved)

    assert loaded.keys() == TENSORS.keys()
    assert all(torch.equal(loaded[name], TENSORS[name]) for name in TENSORS)


def test_digest_and_size_are_those_of_the_file(checkpoints: Checkpoints) -> None:
    saved = save(checkpoints)

    content = files.read(files.join(checkpoints.url, saved.path))

    assert saved.sha256 == hashlib.sha256(content).hexdigest()
    assert saved.size_bytes == len(content)


def test_epochs_and_attempts_have_files_of_their_own(checkpoints: Checkpoints) -> None:
    paths = {save(checkpoints, epoch=epoch, attempt=attempt).path for epoch in (1, 2) for attempt in (1, 2)}

    assert len(paths) == 4


def test_a_missing_checkpoint_is_damaged(checkpoints: Checkpoints) -> None:
    with pytest.raises(CheckpointDamaged, match="missing"):
        checkpoints.load(list_file("job/none.safetensors"))


def test_a_truncated_checkpoint_is_damaged(checkpoints: Checkpoints) -> None:
    saved = save(checkpoints)
    url = files.join(checkpoints.url, saved.path)
    files.write(url, files.read(url)[:-1])

    with pytest.raises(CheckpointDamaged, match="the bytes that were saved"):
        checkpoints.load(saved)


def test_no_more_is_read_of_a_file_than_was_saved(checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    saved, read = save(checkpoints), files.read
    files.write(files.join(checkpoints.url, saved.path), bytes(10 * saved.size_bytes))
    sizes: list[int] = []

    def measure(url: str, **part: int) -> bytes:
        content = read(url, **part)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(files, "read", measure)
    with pytest.raises(CheckpointDamaged):
        checkpoints.load(saved)
    assert sizes == [saved.size_bytes + 1]


def test_another_digest_is_damaged(checkpoints: Checkpoints) -> None:
    saved = save(checkpoints)
    with pytest.raises(CheckpointDamaged):
        checkpoints.load(Checkpoint(job_id="job", path=saved.path, sha256="0" * 64, size_bytes=saved.size_bytes))


def test_deleting_is_idempotent(checkpoints: Checkpoints) -> None:
    saved = save(checkpoints)

    checkpoints.delete("job", saved.path)
    checkpoints.delete("job", saved.path)

    with pytest.raises(CheckpointDamaged):
        checkpoints.load(saved)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../job", "job/../../job", "file:///etc/passwd", "s3://other/job", "other/file", ""]
)
def test_what_lies_elsewhere_is_neither_read_nor_deleted(path: str, checkpoints: Checkpoints) -> None:
    with pytest.raises(CheckpointDamaged, match="missing"):
        checkpoints.load(list_file(path))

    checkpoints.delete("job", path)


def test_a_moved_folder_keeps_its_checkpoints(tmp_path: Path) -> None:
    saved = save(Checkpoints((tmp_path / "here").as_uri()))
    (tmp_path / "here").rename(tmp_path / "there")

    loaded = Checkpoints((tmp_path / "there").as_uri()).load(saved)

    assert loaded.keys() == TENSORS.keys()
