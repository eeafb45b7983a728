"""Checkpoints as safetensors files, which hold tensors and no code (no pickle)."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import safetensors.torch
from torch import Tensor

from db.checkpoints import CheckpointFile
from jobs.errors import CheckpointDamaged
from storage import checkpoints, files
from storage.checkpoints import Listed


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Stores checkpoints below one URL, in one folder for each job."""

    url: str

    def save(self, job_id: str, epoch: int, attempt: int, tensors: Mapping[str, Tensor]) -> CheckpointFile:
        """Write contiguous CPU tensors; when this returns, a local file has reached the disk.

        Epoch and attempt are in the name, so that a worker without its lease cannot overwrite its successor's file.

        Raises:
            OSError: the disk is full, the server is away, ...
        """
        content = safetensors.torch.save(dict(tensors))
        path = f"{job_id}/epoch-{epoch:04}-attempt-{attempt}.safetensors"
        files.write(files.join(self.url, path), content)
        return CheckpointFile(epoch, attempt, path, hashlib.sha256(content).hexdigest(), len(content))

    def load(self, checkpoint: Listed) -> dict[str, Tensor]:
        """Load the tensors of a checkpoint.

        Raises:
            CheckpointDamaged: it is missing, or does not have the size and the digest that it was saved with.
            OSError: the storage did not answer.
        """
        try:
            return safetensors.torch.load(checkpoints.read(self.url, checkpoint))
        except FileNotFoundError as error:
            raise CheckpointDamaged(f"{checkpoint.path} is missing below {self.url}") from error

    def delete(self, job_id: str, path: str) -> None:
        """Delete a checkpoint of the job; a missing file is not an error."""
        with suppress(FileNotFoundError):  # of a path that leads out of the job's folder
            files.delete(checkpoints.locate(self.url, job_id, path))
