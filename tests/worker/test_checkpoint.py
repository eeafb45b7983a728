import hashlib
from pathlib import Path

import pytest
import torch

from db.checkpoints import CheckpointFile
from jobs.errors import CheckpointDamaged
from storage import files
from worker.checkpoint import Checkpoints

TENSORS = {"weight": torch.arange(12.0).view(3, 4), "epoch": torch.tensor(7)}


@pytest.fixture
def checkpoints(checkpoints_url: str) -> Checkpoints:
    return Checkpoints(checkpoints_url)


def save(checkpoints: Checkpoints, *, epoch: int = 7, attempt: int = 2) -> CheckpointFile:
    return checkpoints.save("job", epoch, attempt, TENSORS)


def test_what_is_saved_is_loaded(checkpoints: Checkpoints) -> None:
    saved = save(checkpoints)

    loaded = checkpoints.load(saved.path, saved.sha256)

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
        checkpoints.load("job/none.safetensors", "0" * 64)


def test_a_truncated_checkpoint_is_damaged(checkpoints: Checkpoints) -> None:
    saved = save(checkpoints)
    url = files.join(checkpoints.url, saved.path)
    files.write(url, files.read(url)[:-1])

    with pytest.raises(CheckpointDamaged, match="the bytes that were saved"):
        checkpoints.load(saved.path, saved.sha256)


def test_another_digest_is_damaged(checkpoints: Checkpoints) -> None:
    with pytest.raises(CheckpointDamaged):
        checkpoints.load(save(checkpoints).path, "0" * 64)


def test_deleting_is_idempotent(checkpoints: Checkpoints) -> None:
    saved = save(checkpoints)

    checkpoints.delete(saved.path)
    checkpoints.delete(saved.path)

    with pytest.raises(CheckpointDamaged):
        checkpoints.load(saved.path, saved.sha256)


@pytest.mark.parametrize("path", ["/etc/passwd", "../job", "job/../../job", "file:///etc/passwd", "s3://other/job", ""])
def test_what_lies_elsewhere_is_neither_read_nor_deleted(path: str, checkpoints: Checkpoints) -> None:
    with pytest.raises(CheckpointDamaged, match="missing"):
        checkpoints.load(path, "0" * 64)

    checkpoints.delete(path)


def test_a_moved_folder_keeps_its_checkpoints(tmp_path: Path) -> None:
    saved = save(Checkpoints((tmp_path / "here").as_uri()))
    (tmp_path / "here").rename(tmp_path / "there")

    loaded = Checkpoints((tmp_path / "there").as_uri()).load(saved.path, saved.sha256)

    assert loaded.keys() == TENSORS.keys()
