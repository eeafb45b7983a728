import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
import torch
from safetensors import safe_open

from jobs.spec import JobSpec
from worker import checkpoint
from worker.checkpoint import CheckpointDamaged, SavedCheckpoint
from worker.data import Mnist
from worker.predict import predict
from worker.train import Training

Start = Callable[..., Training]
Tiny = Callable[..., JobSpec]

TENSORS = {"weight": torch.arange(12.0).view(3, 4), "epoch": torch.tensor(7)}


@pytest.fixture(params=["file", "memory"])
def folder_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return tmp_path.as_uri() if request.param == "file" else f"memory://{tmp_path.name}/checkpoints"


def save(folder_url: str, *, epoch: int = 7, attempt: int = 2) -> SavedCheckpoint:
    return checkpoint.save(
        folder_url, "job", epoch=epoch, attempt=attempt, tensors=TENSORS, metadata={"activation": "relu"}
    )


def path_of(saved: SavedCheckpoint) -> Path:
    return Path(saved.url.removeprefix("file://"))


def test_what_is_saved_is_loaded(folder_url: str):
    saved = save(folder_url)

    loaded = checkpoint.load(saved.url, saved.sha256)

    assert loaded.keys() == TENSORS.keys()
    assert all(torch.equal(loaded[name], TENSORS[name]) for name in TENSORS)


def test_digest_and_size_are_those_of_the_file(folder_url: str):
    saved = save(folder_url)

    content = fsspec.open(saved.url).fs.cat_file(saved.url)

    assert saved.sha256 == hashlib.sha256(content).hexdigest()
    assert saved.size_bytes == len(content)


def test_epochs_and_attempts_have_files_of_their_own(folder_url: str):
    urls = {save(folder_url, epoch=epoch, attempt=attempt).url for epoch in (1, 2) for attempt in (1, 2)}

    assert len(urls) == 4


def test_metadata_lies_in_the_file(tmp_path: Path):
    with safe_open(path_of(save(tmp_path.as_uri())), framework="pt") as file:
        assert file.metadata() == {"activation": "relu"}


def test_a_missing_checkpoint_is_damaged(folder_url: str):
    with pytest.raises(CheckpointDamaged, match="missing"):
        checkpoint.load(f"{folder_url}/job/none.safetensors", "0" * 64)


def test_a_truncated_checkpoint_is_damaged(tmp_path: Path):
    saved = save(tmp_path.as_uri())
    os.truncate(path_of(saved), saved.size_bytes - 1)

    with pytest.raises(CheckpointDamaged, match="not the bytes"):
        checkpoint.load(saved.url, saved.sha256)


def test_another_digest_is_damaged(folder_url: str):
    with pytest.raises(CheckpointDamaged):
        checkpoint.load(save(folder_url).url, "0" * 64)


def test_deleting_twice_is_fine(folder_url: str):
    saved = save(folder_url)

    checkpoint.delete(saved.url)
    checkpoint.delete(saved.url)

    with pytest.raises(CheckpointDamaged):
        checkpoint.load(saved.url, saved.sha256)


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

    name = path_of(save(tmp_path.as_uri())).name

    assert events == [tmp_path.name, f".{name}.partial", f".{name}.partial -> {name}", "job"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "job").mkdir()
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        save(tmp_path.as_uri())
    assert list((tmp_path / "job").iterdir()) == []


def test_a_checkpoint_of_a_training_fits_and_predicts(start: Start, tiny: Tiny, mnist: Mnist, tmp_path: Path):
    training = start(epochs=1, train_samples=512)
    list(training.epochs())
    saved = checkpoint.save(tmp_path.as_uri(), "job", epoch=1, attempt=1, tensors=training.state_dict(), metadata={})
    tensors = checkpoint.load(saved.url, saved.sha256)

    probabilities = predict(tiny(), tensors, mnist.test.images[0].tolist())

    with torch.no_grad():
        expected = training._logits(mnist.test.images[:1]).softmax(1)[0].tolist()
    assert probabilities == pytest.approx(expected, rel=1e-5)
    assert sum(probabilities) == pytest.approx(1)
