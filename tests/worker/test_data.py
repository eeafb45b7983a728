import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
import torch

from jobs.errors import DataDamaged, DataMissing
from jobs.spec import JobSpec
from worker import data
from worker.data import Mnist

REPOSITORY = Path(__file__).parents[2]
TRAIN_IMAGES = "train-images-idx3-ubyte"


@pytest.fixture
def mnist_dir(tmp_path: Path) -> Path:
    """A folder with the archives, none of them unpacked."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in data.ARCHIVES:
        shutil.copy(REPOSITORY / "data/MNIST/raw" / name, folder)
    return tmp_path


def raw(mnist_dir: Path) -> Path:
    return mnist_dir / "MNIST" / "raw"


def test_all_images_and_labels_are_there(mnist: Mnist):
    assert mnist.train.images.shape == (60_000, 28, 28)
    assert mnist.test.images.shape == (10_000, 28, 28)
    assert mnist.train.images.dtype == mnist.test.images.dtype == torch.uint8
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_a_process_loads_once(mnist: Mnist):
    assert data.load(REPOSITORY / "data") is mnist


def test_a_fresh_folder_is_unpacked(mnist_dir: Path, mnist: Mnist):
    loaded = data.load(mnist_dir)

    assert torch.equal(loaded.train.images, mnist.train.images)
    assert loaded.data_sha256 == mnist.data_sha256


@pytest.mark.parametrize("name", data.ARCHIVES)
def test_a_missing_archive_is_named(mnist_dir: Path, name: str):
    (raw(mnist_dir) / name).unlink()

    with pytest.raises(DataMissing, match=name):
        data.load(mnist_dir)


@pytest.mark.parametrize("name", data.ARCHIVES)
def test_a_damaged_archive_is_named(mnist_dir: Path, name: str):
    archive = raw(mnist_dir) / name
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)

    with pytest.raises(DataDamaged, match=name):
        data.load(mnist_dir)


def test_a_truncated_archive_is_named(mnist_dir: Path):
    archive = raw(mnist_dir) / "t10k-labels-idx1-ubyte.gz"
    archive.write_bytes(archive.read_bytes()[:1000])

    with pytest.raises(DataDamaged, match=archive.name):
        data.load(mnist_dir)


@pytest.fixture
def unpacked_dir(mnist_dir: Path) -> Path:
    """A folder in which another process has unpacked the archives."""
    for name in data.ARCHIVES:
        (raw(mnist_dir) / name.removesuffix(".gz")).write_bytes(gzip.decompress((raw(mnist_dir) / name).read_bytes()))
    return mnist_dir


def test_what_a_crash_left_half_unpacked_is_replaced(unpacked_dir: Path, mnist: Mnist):
    os.truncate(raw(unpacked_dir) / TRAIN_IMAGES, 1_000_000)
    (raw(unpacked_dir) / f"partial-{TRAIN_IMAGES}").write_bytes(b"left by a crash")

    assert torch.equal(data.load(unpacked_dir).train.images, mnist.train.images)


def test_a_damaged_unpacked_file_of_the_right_length_is_replaced(unpacked_dir: Path, mnist: Mnist):
    labels = raw(unpacked_dir) / "t10k-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    content[5000] ^= 1
    labels.write_bytes(content)

    assert torch.equal(data.load(unpacked_dir).test.labels, mnist.test.labels)


def test_nobody_ever_sees_half_a_file(mnist_dir: Path, monkeypatch: pytest.MonkeyPatch):
    def die_half_way(source: IO[bytes], target: IO[bytes]) -> None:
        target.write(source.read(1000))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", die_half_way)

    with pytest.raises(DataMissing, match="No space left"):
        data.load(mnist_dir)
    assert not (raw(mnist_dir) / TRAIN_IMAGES).exists()


def test_an_unpacked_folder_is_only_read(unpacked_dir: Path):
    folder = raw(unpacked_dir)
    before = {path: path.stat().st_mtime_ns for path in (folder, *folder.iterdir())}
    folder.chmod(0o555)

    data.load(unpacked_dir)

    assert {path: path.stat().st_mtime_ns for path in (folder, *folder.iterdir())} == before


def test_a_folder_that_cannot_be_unpacked_is_named(mnist_dir: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(data, "unpack_one", refuse)  # root may write anywhere, so permissions alone prove nothing

    with pytest.raises(DataMissing, match=r"cannot unpack the archives in .*raw: Permission denied"):
        data.load(mnist_dir)


def test_processes_that_start_at_once_all_load(mnist_dir: Path, mnist: Mnist):
    script = f"import pathlib; from worker import data; print(data.load(pathlib.Path({str(mnist_dir)!r})).data_sha256)"
    processes = [
        subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    assert [process.communicate()[0].strip() for process in processes] == [mnist.data_sha256] * 2
    assert sorted(path.name for path in raw(mnist_dir).iterdir()) == sorted(
        [*data.ARCHIVES, *(name.removesuffix(".gz") for name in data.ARCHIVES)]
    )


def test_the_holdout_is_the_last_fraction_and_train_samples_the_first_of_the_rest(mnist: Mnist):
    spec = JobSpec(activation="relu", train_samples=1000, validation={"kind": "holdout", "fraction": 0.25})

    training, validation = data.split(mnist, spec)

    assert torch.equal(training.images, mnist.train.images[:1000])
    assert torch.equal(validation.images, mnist.train.images[45_000:])
    assert torch.equal(validation.labels, mnist.train.labels[45_000:])


def test_the_article_protocol_trains_on_everything_and_validates_on_the_test_set(mnist: Mnist):
    training, validation = data.split(mnist, JobSpec(activation="relu", protocol="article"))

    assert len(training) == 60_000
    assert torch.equal(validation.images, mnist.test.images)
