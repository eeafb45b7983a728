"""MNIST in memory, read once a process; never from a network."""

import functools
import gzip
import hashlib
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import safetensors.torch
import torch
from torch import Tensor

from jobs.errors import DataDamaged, DataMissing
from jobs.spec import JobSpec, OnTestSet
from storage import files
from storage.mnist import ARCHIVES, find_archives

log = logging.getLogger(__name__)

Tensors = Mapping[str, Tensor]
DECODED_SHA256 = "85245ffdb07213a6898b7c116e739a92dca8185d3e71e0ffe3d264cada05e88d"
"""The digest of what the archives decode to: nothing else is trained from, whatever lies beside them."""
DECODED = f"mnist-{DECODED_SHA256}.safetensors"


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """Images uint8 [n, 28, 28] with their digits, int64 [n]. All jobs share them: do not write to them."""

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
    """The digest of the four archives, one after the other."""


def split(mnist: Mnist, spec: JobSpec) -> tuple[Examples, Examples]:
    """Return the examples for training, and those for validation after each epoch."""
    left = spec.images_left_for_training
    training = mnist.train.first(left).first(spec.train_samples)
    return training, mnist.test if isinstance(spec.validation, OnTestSet) else mnist.train.after(left)


@functools.cache
def load(mnist_dir: Path) -> Mnist:
    """Load the images and labels below ``mnist_dir``, which holds ``MNIST/raw/*.gz``.

    torchvision decodes the archives once. The result is stored beside them: to import it takes as long as torch.

    Raises:
        DataMissing: an archive is not there, or cannot be read or decoded.
        DataDamaged: an archive does not have the checksum it was published with.
    """
    folder = mnist_dir / "MNIST" / "raw"
    archives = find_archives(mnist_dir)
    data_sha256 = verify(archives)
    try:
        tensors = read_decoded(folder) or decode(archives)
    except OSError as error:
        raise DataMissing(f"cannot decode the archives in {folder}: {error.strerror}") from error
    train, test = (Examples(tensors[f"{part}.images"], tensors[f"{part}.labels"]) for part in ("train", "test"))
    return Mnist(train, test, data_sha256)


def verify(archives: Sequence[Path]) -> str:
    """Check each archive; return the SHA-256 of all of them together."""
    together = hashlib.sha256()
    for archive in archives:
        content = read_archive(archive)
        if hashlib.sha256(content).hexdigest() != ARCHIVES[archive.name]:
            raise DataDamaged(f"{archive} does not have the checksum it was published with; fetch it again")
        together.update(content)
    return together.hexdigest()


def read_archive(archive: Path) -> bytes:
    try:
        return archive.read_bytes()
    except FileNotFoundError as error:
        raise DataMissing(f"{archive} is missing; MNIST_DIR must be the folder that holds MNIST/raw") from error
    except OSError as error:
        raise DataMissing(f"{archive} cannot be read: {error.strerror}") from error


def read_decoded(folder: Path) -> Tensors | None:
    """Read what an earlier process decoded, if the file is there and whole."""
    try:
        content = (folder / DECODED).read_bytes()
    except FileNotFoundError:
        return None
    return safetensors.torch.load(content) if is_decoded(content) else None


def is_decoded(content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == DECODED_SHA256


def decode(archives: Sequence[Path]) -> Tensors:
    """Decode in a temporary folder: torchvision needs unpacked files, and does not unpack them atomically."""
    from torchvision.datasets import MNIST  # noqa: PLC0415  # slow, and not needed again

    with tempfile.TemporaryDirectory() as root:
        raw = Path(root) / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for archive in archives:
            (raw / archive.stem).write_bytes(gzip.decompress(archive.read_bytes()))
        train, test = (MNIST(root, train=train) for train in (True, False))
    tensors = {
        "train.images": train.data,
        "train.labels": train.targets,
        "test.images": test.data,
        "test.labels": test.targets,
    }
    store_decoded(archives[0].parent, tensors)
    return tensors


def store_decoded(folder: Path, tensors: Tensors) -> None:
    content = safetensors.torch.save(dict(tensors))
    if not is_decoded(content):
        log.warning("every start decodes MNIST again: this version of safetensors writes it in other bytes")
        return
    try:
        files.write_atomically(folder / DECODED, content)
        (folder / DECODED).chmod(0o644)  # whoever reads the archives may train from them
    except OSError as error:
        log.warning("every start decodes MNIST again, because %s cannot be written to: %s", folder, error)
