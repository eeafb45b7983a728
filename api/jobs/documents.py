"""A job as JSON, made of what SQL has without a model between them; api.jobs.models describes the same for OpenAPI."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson
from orjson import Fragment
from pydantic import TypeAdapter, ValidationError

from api.http.prefix import add_prefix
from api.http.times import to_rfc3339
from api.jobs.models import DiagnosisOut, EnvironmentOut, Links
from db.events import Newest, Transition
from db.job_records import JobRecord, JobRow
from jobs.spec import JobSpec
from jobs.state import JobState

DIAGNOSES: TypeAdapter[list[DiagnosisOut]] = TypeAdapter(list[DiagnosisOut])
LINKED = tuple(name for name in Links.model_fields if name != "self")

# Stored JSON, in any order of keys, as clients get it. A job's does not change once it has ended, and lists are read
# again and again: hence the caches.


def encode(record: JobRecord) -> tuple[bytes, str]:
    """Encode the job as JSON; returns that and its ETag."""
    body = encode_document(describe(record))
    return body, f'"{sha256(body).hexdigest()[:32]}"'


def encode_document(document: Mapping[str, Any]) -> bytes:
    """Encode a document of jobs; a figure that is not finite becomes null, and only those of diagnoses are marked."""
    return orjson.dumps(document)


def describe(record: JobRecord) -> dict[str, Any]:
    """Make the fields of a JobOut, in their order."""
    job = record.job
    return {
        "id": job.id,
        "state": job.state,
        "spec": complete_spec(job.spec),
        "sweep_id": job.sweep_id,
        "attempt": job.attempt,
        "retry_of": job.retry_of,
        "owner": job.owner or None,
        "created_at": to_rfc3339(job.created_at),
        "started_at": job.started_at and to_rfc3339(job.started_at),
        "finished_at": job.finished_at and to_rfc3339(job.finished_at),
        "progress": describe_progress(job),
        "eta_seconds": None if JobState(job.state).terminal else estimate_seconds(job),
        "queue_position": record.queue_position,
        "best": describe_best(job),
        "latest": record.latest and describe_epoch(record.latest),
        "diagnoses": [] if job.diagnoses is None else complete_diagnoses(job.diagnoses),
        "test": describe_test(job),
        "error": describe_error(job),
        "cancel_requested_at": job.cancel_requested_at and to_rfc3339(job.cancel_requested_at),
        "environment": job.environment and complete_environment(job.environment),
        "transitions": describe_transitions(record.transitions),
        "links": make_links(job.id),
    }


@lru_cache(maxsize=2048)
def complete_spec(stored: str) -> Fragment:
    """Complete a spec by the fields that it is older than; one of a newer version stays as it is, and whole."""
    try:
        spec = JobSpec.model_validate_json(stored)
    except ValidationError:
        return Fragment(stored)
    return Fragment(spec.model_dump_json() if spec.is_complete else stored)


@lru_cache(maxsize=512)
def complete_environment(stored: str) -> Fragment:
    return Fragment(EnvironmentOut.model_validate_json(stored).model_dump_json())


@lru_cache(maxsize=512)
def complete_diagnoses(stored: str) -> Fragment:
    return Fragment(DIAGNOSES.dump_json(DIAGNOSES.validate_json(stored)))


def describe_progress(job: JobRow | Newest) -> dict[str, Any]:
    """Make the fields of a JobProgress."""
    current = job.epoch_progress or {}
    return {
        "epoch": job.epochs_done,
        "epochs": job.epochs_total,
        "fraction": (job.epochs_done + current.get("fraction", 0.0)) / job.epochs_total,
        **{name: current.get(name) for name in ("images", "images_total", "images_per_second")},
    }


def estimate_seconds(job: JobRow | Newest) -> float | None:
    """Estimate by the mean of the epochs so far, in the first one by how it goes; None before."""
    current = job.epoch_progress or {}
    epoch_seconds = job.epoch_seconds or current.get("epoch_seconds")
    if epoch_seconds is None:
        return None
    return float((job.epochs_total - job.epochs_done - current.get("fraction", 0.0)) * epoch_seconds)


def describe_best(job: JobRow) -> dict[str, Any] | None:
    if job.best_epoch is None or job.best_val_loss is None or job.best_val_accuracy is None:
        return None
    return {"epoch": job.best_epoch, "val_loss": job.best_val_loss, "val_accuracy": job.best_val_accuracy}


def describe_epoch(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {**figures, "recorded_at": to_rfc3339(figures["recorded_at"])}


def describe_test(job: JobRow) -> dict[str, Any] | None:
    if job.test_loss is None or job.test_accuracy is None or job.test_binary_accuracy is None:
        return None
    return {"loss": job.test_loss, "accuracy": job.test_accuracy, "binary_accuracy": job.test_binary_accuracy}


def describe_error(job: JobRow) -> dict[str, Any] | None:
    return None if job.error_code is None else {"code": job.error_code, "message": job.error_message or ""}


def describe_transitions(transitions: Sequence[Transition]) -> list[dict[str, Any]]:
    return [{"state": to.state, "at": to_rfc3339(to.at), "reason": to.reason} for to in transitions]


def make_links(job_id: str) -> dict[str, str]:
    own = locate(job_id)
    return {"self": own} | {name: f"{own}/{name}" for name in LINKED}


def locate(job_id: str) -> str:
    """The URL of the job."""
    return add_prefix(f"/v1/jobs/{job_id}")
