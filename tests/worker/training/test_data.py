import gzip
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torchvision.datasets import MNIST

from jobs.errors import DataDamaged, DataMissing
from jobs.spec import JobSpec
from worker.training import data
from worker.training.data import Mnist

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def mnist_dir(tmp_path: Path) -> Path:
    """A folder with the archives and nothing else."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in data.ARCHIVES:
        shutil.copy(REPOSITORY / "data/MNIST/raw" / name, folder)
    return tmp_path


def raw(mnist_dir: Path) -> Path:
    return mnist_dir / "MNIST" / "raw"


def test_all_images_and_labels_are_there(mnist: Mnist) -> None:
    assert mnist.train.images.shape == (60_000, 28, 28)
    assert mnist.test.images.shape == (10_000, 28, 28)
    assert mnist.train.images.dtype == mnist.test.images.dtype == torch.uint8
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_a_process_loads_once(mnist: Mnist) -> None:
    assert data.load(REPOSITORY / "data") is mnist


def test_it_is_what_torchvision_reads(mnist_dir: Path) -> None:
    for name in data.ARCHIVES:
        archive = raw(mnist_dir) / name
        archive.with_suffix("").write_bytes(gzip.decompress(archive.read_bytes()))
    expected = MNIST(mnist_dir, train=False)

    loaded = data.load(mnist_dir)

    assert torch.equal(loaded.test.images, expected.data)
    assert torch.equal(loaded.test.labels, expected.targets)


def test_what_was_decoded_once_is_not_decoded_again(mnist_dir: Path, mnist: Mnist) -> None:
    data.load(mnist_dir)
    without = "import sys; sys.modules['torchvision'] = None"
    script = f"{without}; import pathlib; from worker.training import data; data.load(pathlib.Path({str(mnist_dir)!r}))"

    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True)

    kept = data.read_decoded(raw(mnist_dir))
    assert kept is not None
    assert torch.equal(kept["train.images"], mnist.train.images)


@pytest.mark.parametrize("name", data.ARCHIVES)
def test_a_missing_archive_is_named(mnist_dir: Path, name: str) -> None:
    (raw(mnist_dir) / name).unlink()

    with pytest.raises(DataMissing, match=name):
        data.load(mnist_dir)


@pytest.mark.parametrize("name", data.ARCHIVES)
def test_a_damaged_archive_is_named(mnist_dir: Path, name: str) -> None:
    archive = raw(mnist_dir) / name
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)

    with pytest.raises(DataDamaged, match=name):
        data.load(mnist_dir)


def test_a_truncated_archive_is_named(mnist_dir: Path) -> None:
    archive = raw(mnist_dir) / "t10k-labels-idx1-ubyte.gz"
    archive.write_bytes(archive.read_bytes()[:1000])

    with pytest.raises(DataDamaged, match=archive.name):
        data.load(mnist_dir)


@pytest.mark.parametrize("damage", [lambda content: content[:1000], lambda content: content[:-1] + b"x"])
def test_a_damaged_decoded_file_is_replaced(mnist_dir: Path, mnist: Mnist, damage: Callable[[bytes], bytes]) -> None:
    data.load(mnist_dir)
    [decoded] = raw(mnist_dir).glob("*.safetensors")
    whole = decoded.read_bytes()
    decoded.write_bytes(damage(whole))
    data.load.cache_clear()

    assert torch.equal(data.load(mnist_dir).test.labels, mnist.test.labels)
    assert decoded.read_bytes() == whole


def test_a_decoded_file_with_other_labels_and_its_own_digest_is_not_read(mnist_dir: Path, mnist: Mnist) -> None:
    tensors = {**data.decode(data.find_archives(mnist_dir)), "train.labels": torch.zeros(60_000, dtype=torch.int64)}
    (raw(mnist_dir) / data.DECODED).unlink()
    content = safetensors.torch.save(tensors)
    (raw(mnist_dir) / f"mnist-{hashlib.sha256(content).hexdigest()}.safetensors").write_bytes(content)

    assert torch.equal(data.load(mnist_dir).train.labels, mnist.train.labels)


def test_a_folder_that_cannot_be_written_to_is_read(
    mnist_dir: Path, mnist: Mnist, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(data.files, "write_atomically", refuse)  # root may write anywhere: permissions prove nothing

    assert torch.equal(data.load(mnist_dir).test.labels, mnist.test.labels)
    assert "cannot be written to" in caplog.text
    assert sorted(path.name for path in raw(mnist_dir).iterdir()) == sorted(data.ARCHIVES)


def test_a_full_disk_is_named(mnist_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(data.gzip, "decompress", full)

    with pytest.raises(DataMissing, match=r"cannot decode the archives in .*raw: No space left"):
        data.load(mnist_dir)


def test_processes_that_start_at_once_all_load(mnist_dir: Path, mnist: Mnist) -> None:
    imports = "import pathlib; from worker.training import data"
    script = f"{imports}; print(data.load(pathlib.Path({str(mnist_dir)!r})).data_sha256)"
    processes = [
        subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    assert [process.communicate()[0].strip() for process in processes] == [mnist.data_sha256] * 2
    assert len(list(raw(mnist_dir).iterdir())) == len(data.ARCHIVES) + 1


def test_the_holdout_is_the_last_fraction_and_train_samples_the_first_of_the_rest(mnist: Mnist) -> None:
    spec = JobSpec(activation="relu", train_samples=1000, validation={"kind": "holdout", "fraction": 0.25})

    training, validation = data.split(mnist, spec)

    assert torch.equal(training.images, mnist.train.images[:1000])
    assert torch.equal(validation.images, mnist.train.images[45_000:])
    assert torch.equal(validation.labels, mnist.train.labels[45_000:])


def test_the_article_protocol_trains_on_everything_and_validates_on_the_test_set(mnist: Mnist) -> None:
    training, validation = data.split(mnist, JobSpec(activation="relu", protocol="article"))

    assert len(training) == 60_000
    assert torch.equal(validation.images, mnist.test.images)
