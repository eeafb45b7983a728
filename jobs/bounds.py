"""Bounds of what a job and a sweep may take, checked when they are accepted: stored specs may be older than a bound."""

from collections.abc import Iterable, Mapping

from jobs.memory import estimate_training_mb
from jobs.spec import JobSpec

MAX_METADATA_BYTES = 8_000
"""Of one job, in UTF-8: a page of 200 jobs repeats it 200 times."""
MAX_SWEEP_METADATA_BYTES = 512_000
"""Of all jobs of a sweep together, each of which stores its own."""


def find_excess(spec: JobSpec, *, max_training_mb: float) -> dict[str, str]:
    """Find the fields of the spec that ask for too much, each with a message."""
    needed = estimate_training_mb(spec)
    message = f"training needs about {needed:,.0f} MB of memory; the maximum is {max_training_mb:,.0f}"
    return find_metadata_excess(spec.metadata) | ({"batch_size": message} if needed > max_training_mb else {})


def find_metadata_excess(metadata: Mapping[str, str]) -> dict[str, str]:
    size = measure_metadata(metadata)
    message = f"{size:,} bytes in all; the maximum is {MAX_METADATA_BYTES:,}"
    return {"metadata": message} if size > MAX_METADATA_BYTES else {}


def find_sweep_excess(specs: Iterable[JobSpec]) -> dict[str, str]:
    """Find what the jobs of a sweep ask for together that is too much, as `find_excess` does."""
    size = sum(measure_metadata(spec.metadata) for spec in specs)
    message = f"{size:,} bytes for all jobs together; the maximum is {MAX_SWEEP_METADATA_BYTES:,}"
    return {"metadata": message} if size > MAX_SWEEP_METADATA_BYTES else {}


def measure_metadata(metadata: Mapping[str, str]) -> int:
    """Measure keys and values, in bytes of UTF-8."""
    return sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items())
