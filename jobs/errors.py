"""Errors of the service, as one family.

JobsError
├── JobNotFound, CheckpointNotFound
├── SweepNotFound
├── JobFinished, JobNotFinished
├── SweepFinished
├── ActivationExists, ActivationInUse
├── TooManyActivations
├── NoCheckpoint
├── NoWorkerAnswered
├── InvalidCursor
├── IdempotencyConflict
├── TooManyJobs
├── Busy
├── DatabaseUnavailable
│   ├── DatabaseBusy
│   ├── DiskFull
│   ├── DiskFailed
│   ├── DatabaseDamaged
│   └── WrongSchema                 a worker stops, an API waits for the migration
├── InvalidDatabaseUrl              the service does not start
├── BrokerUnavailable               only /readyz reports it: SQL alone accepts a job
├── StorageUnavailable              an error of the API only: a worker goes on training
├── Fenced                          a worker learns that it no longer holds its job
├── CheckpointDamaged               is not sent; training resumes from an older one
└── TrainingError                   ends a job as failed; its code and message are stored with the job
    ├── Diverged
    ├── DeviceUnavailable
    ├── GpuOutOfMemory
    ├── HostOutOfMemory
    ├── DataMissing, DataDamaged
    ├── UnsupportedSpec
    ├── RepeatedCrash
    └── InternalError

The docstring of a class is its default message; `code` is the stable word that clients see. The HTTP status of each
is in api/http/problems.py.
"""

from typing import ClassVar


class JobsError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class JobNotFound(JobsError):
    """There is no such job."""

    code = "job_not_found"


class CheckpointNotFound(JobsError):
    """The job has no checkpoint of this epoch; the last two and the best are kept."""

    code = "checkpoint_not_found"


class NoCheckpoint(JobsError):
    """The job has no checkpoint that could be read; the first is written after its first epoch."""

    code = "no_checkpoint"


class NoWorkerAnswered(JobsError):
    """No worker answered in time; try again soon."""

    code = "no_worker_answered"


class JobFinished(JobsError):
    """The job has ended, so it can no longer be cancelled."""

    code = "job_finished"


class JobNotFinished(JobsError):
    """The job has not ended yet; cancel it first."""

    code = "job_not_finished"


class SweepNotFound(JobsError):
    """There is no such sweep."""

    code = "sweep_not_found"


class SweepFinished(JobsError):
    """Every job of the sweep has ended, so it can no longer be cancelled."""

    code = "sweep_finished"


class ActivationExists(JobsError):
    """There is another activation of this name; an activation is never changed."""

    code = "activation_exists"


class ActivationInUse(JobsError):
    """A queued or running job has this activation; it can be deleted once they have ended."""

    code = "activation_in_use"


class TooManyActivations(JobsError):
    """No more activations can be stored; delete one first."""

    code = "too_many_activations"


class InvalidCursor(JobsError):
    """The cursor is invalid, or belongs to another sort order."""

    code = "invalid_cursor"


class IdempotencyConflict(JobsError):
    """This Idempotency-Key was used with another body."""

    code = "idempotency_conflict"


class TooManyJobs(JobsError):
    """The quota of unfinished jobs is used up."""

    code = "too_many_jobs"


class Busy(JobsError):
    """The service has more such work than it can do now; try again soon."""

    code = "busy"


class DatabaseUnavailable(JobsError):
    """The database cannot be reached; try again soon."""

    code = "database_unavailable"


class DatabaseBusy(DatabaseUnavailable):
    """More clients write at once than the database can serve; try again soon."""


class DiskFull(DatabaseUnavailable):
    """The disk of the database is full; nothing can be stored until there is room on it."""

    code = "disk_full"


class DiskFailed(DatabaseUnavailable):
    """The disk of the database cannot be read or written; the service's log has the details."""

    code = "disk_failed"


class DatabaseDamaged(DatabaseUnavailable):
    """The database's files are damaged; it has to be restored from a backup."""

    code = "database_damaged"


class WrongSchema(DatabaseUnavailable):
    """The database's schema is not the one of this version."""

    code = "wrong_schema"


class InvalidDatabaseUrl(JobsError):
    """The database's URL must begin with sqlite:/// or postgresql+psycopg://."""

    code = "invalid_database_url"


class BrokerUnavailable(JobsError):
    """The broker cannot be reached."""

    code = "broker_unavailable"


class StorageUnavailable(JobsError):
    """The storage of the checkpoints does not answer; try again soon."""

    code = "storage_unavailable"


class Fenced(JobsError):
    """The lease on the job was lost: another worker may hold it, or it has ended."""

    code = "fenced"


class CheckpointDamaged(JobsError):
    """The file of this checkpoint does not hold the bytes that were saved."""

    code = "checkpoint_damaged"


class TrainingError(JobsError):
    """The training ended with an error."""

    code = "training_error"


class Diverged(TrainingError):
    """The training loss became NaN or infinite."""

    code = "diverged"


class DeviceUnavailable(TrainingError):
    """The job asks for cuda, and the worker that took it has no CUDA device."""

    code = "device_unavailable"


class GpuOutOfMemory(TrainingError):
    """The GPU ran out of memory; smaller batches may fit."""

    code = "gpu_oom"


class HostOutOfMemory(TrainingError):
    """The worker ran out of memory; smaller batches may fit."""

    code = "host_oom"


class DataMissing(TrainingError):
    """An MNIST archive is missing."""

    code = "data_missing"


class DataDamaged(TrainingError):
    """An MNIST archive does not have the checksum it was published with."""

    code = "data_damaged"


class UnsupportedSpec(TrainingError):
    """The job's spec is of another version of this service."""

    code = "unsupported_spec"


class RepeatedCrash(TrainingError):
    """The worker died repeatedly while it trained this job."""

    code = "worker_crashed_repeatedly"


class InternalError(TrainingError):
    """The worker met an unexpected error."""

    code = "internal_error"
