"""MNIST in memory, read once a process; never from a network."""

import contextlib
import fcntl
import functools
import gzip
import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torchvision.datasets import MNIST

from jobs.errors import DataDamaged, DataMissing
from jobs.spec import JobSpec, OnTestSet

# data/README.md says where the archives come from.
ARCHIVES = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """Images uint8 [n, 28, 28] with their digits, int64 [n]. Never write to them: every job shares them."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int | None) -> Self:
        return type(self)(self.images[:count], self.labels[:count])

    def after(self, count: int) -> Self:
        return type(self)(self.images[count:], self.labels[count:])

    def take(self, indices: Tensor) -> Self:
        return type(self)(self.images[indices], self.labels[indices])

    def chunks(self, size: int) -> Iterator[Self]:
        return map(type(self), torch.split(self.images, size), torch.split(self.labels, size))

    def to(self, device: torch.device) -> Self:
        return type(self)(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False, slots=True)
class Mnist:
    train: Examples
    test: Examples
    data_sha256: str
    """Of the four archives, one after the other."""


def split(mnist: Mnist, spec: JobSpec) -> tuple[Examples, Examples]:
    """What the job trains on, and what validates after each epoch."""
    left = spec.images_left_for_training
    training = mnist.train.first(left).first(spec.train_samples)
    return training, mnist.test if isinstance(spec.validation, OnTestSet) else mnist.train.after(left)


@functools.cache
def load(mnist_dir: Path) -> Mnist:
    """The images and labels below ``mnist_dir``, which holds ``MNIST/raw/*.gz``.

    torchvision reads the unpacked files. We unpack them, because torchvision's own way is not atomic:
    a crash or a second process would leave or see half a file.

    Raises:
        DataMissing: an archive is not there, or cannot be read or unpacked.
        DataDamaged: an archive does not have the checksum it was published with.
    """
    folder = mnist_dir / "MNIST" / "raw"
    archives = [folder / name for name in ARCHIVES]
    data_sha256 = verify(archives)
    if not all(map(is_unpacked, archives)):
        unpack(folder, archives)
    train, test = (MNIST(mnist_dir, train=train) for train in (True, False))
    return Mnist(Examples(train.data, train.targets), Examples(test.data, test.targets), data_sha256)


def verify(archives: list[Path]) -> str:
    """Check each archive; return the SHA-256 of all of them together."""
    together = hashlib.sha256()
    for archive in archives:
        content = read(archive)
        if hashlib.sha256(content).hexdigest() != ARCHIVES[archive.name]:
            raise DataDamaged(f"{archive} does not have the checksum it was published with; fetch it again")
        together.update(content)
    return together.hexdigest()


def read(archive: Path) -> bytes:
    try:
        return archive.read_bytes()
    except FileNotFoundError as error:
        raise DataMissing(f"{archive} is missing; MNIST_DIR must be the folder that holds MNIST/raw") from error
    except OSError as error:
        raise DataMissing(f"{archive} cannot be read: {error.strerror}") from error


def is_unpacked(archive: Path) -> bool:
    """Whether the file beside the archive has the length and CRC-32 that gzip's trailer promises (RFC 1952)."""
    try:
        content = unpacked(archive).read_bytes()
    except OSError:
        return False
    trailer = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    return trailer == archive.read_bytes()[-8:]


def unpacked(archive: Path) -> Path:
    return archive.with_suffix("")


def unpack(folder: Path, archives: list[Path]) -> None:
    try:
        with locked(folder):
            for archive in archives:
                if not is_unpacked(archive):  # another process may have been here first
                    unpack_one(archive)
    except OSError as error:
        raise DataMissing(f"cannot unpack the archives in {folder}: {error.strerror}") from error


def unpack_one(archive: Path) -> None:
    """Readers see the old file or the whole new one; what a crash leaves behind, the next attempt overwrites."""
    partial = archive.with_name(f"partial-{unpacked(archive).name}")
    with gzip.open(archive) as source, partial.open("wb") as target:
        shutil.copyfileobj(source, target)
    partial.replace(unpacked(archive))


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time. The lock is on the folder itself, so no lock file is left, and it dies with its owner."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
