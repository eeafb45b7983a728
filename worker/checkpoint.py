"""Checkpoints as files: safetensors, which holds tensors and nothing that could run (no pickle)."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import safetensors.torch
from torch import Tensor

from db.checkpoints import CheckpointFile
from jobs.errors import CheckpointDamaged
from storage import files


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """All checkpoints below one URL, in a folder a job."""

    url: str

    def save(self, job_id: str, epoch: int, attempt: int, tensors: Mapping[str, Tensor]) -> CheckpointFile:
        """Write contiguous CPU tensors; when this returns, a local file has reached the disk.

        The name holds epoch and attempt, so a worker that lost its lease cannot overwrite its successor's.

        Raises:
            OSError: the disk is full, the server is away, ...
        """
        content = safetensors.torch.save(dict(tensors))
        path = f"{job_id}/epoch-{epoch:04}-attempt-{attempt}.safetensors"
        files.write(files.below(self.url, path), content)
        return CheckpointFile(epoch, attempt, path, hashlib.sha256(content).hexdigest(), len(content))

    def load(self, path: str, sha256: str) -> dict[str, Tensor]:
        """The tensors of a checkpoint.

        Raises:
            CheckpointDamaged: it is missing or does not have this digest.
            OSError: the storage could not be asked.
        """
        try:
            content = files.read(files.below(self.url, path))
        except FileNotFoundError as error:
            raise CheckpointDamaged(f"{path} is missing below {self.url}") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise CheckpointDamaged(f"{path} does not hold the bytes that were saved")
        return safetensors.torch.load(content)

    def delete(self, path: str) -> None:
        """Delete a checkpoint; one that is gone already is fine."""
        with suppress(FileNotFoundError):  # of a path that leads out of the folder
            files.delete(files.below(self.url, path))
