"""Bounds of what a job and a sweep may take."""

from math import inf

from jobs.bounds import MAX_METADATA_BYTES, MAX_SWEEP_METADATA_BYTES, find_excess, find_sweep_excess
from jobs.spec import JobSpec


def with_metadata(size: int, letter: str = "x") -> JobSpec:
    """Make a spec with this many bytes of metadata."""
    values = size // len(letter.encode()) - 32 * 2
    each = [values // 32 + (number < values % 32) for number in range(32)]
    return JobSpec(activation="relu", metadata={f"{n:02d}": letter * length for n, length in enumerate(each)})


def test_a_jobs_metadata_is_measured_in_bytes():
    assert find_excess(with_metadata(MAX_METADATA_BYTES), max_training_mb=inf) == {}
    message = "8,001 bytes in all; the maximum is 8,000"
    assert find_excess(with_metadata(MAX_METADATA_BYTES + 1), max_training_mb=inf) == {"metadata": message}
    assert [*find_excess(with_metadata(MAX_METADATA_BYTES * 2, "\N{GRINNING FACE}"), max_training_mb=inf)] == [
        "metadata"
    ]


def test_the_metadata_of_a_sweeps_jobs_is_added_up():
    specs = [with_metadata(MAX_SWEEP_METADATA_BYTES // 512)] * 512
    assert find_sweep_excess(specs) == {}
    message = "513,000 bytes for all jobs together; the maximum is 512,000"
    assert find_sweep_excess([*specs, specs[0]]) == {"metadata": message}
