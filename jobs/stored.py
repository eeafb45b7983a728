"""Specs as SQL has them, perhaps written by another version of this service."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from jobs.errors import UnsupportedSpec
from jobs.pointers import to_pointer
from jobs.spec import JobSpec


def parse_spec(stored: Mapping[str, Any]) -> JobSpec:
    """Parse the stored spec of a job, complete with the fields that it is older than.

    Raises:
        UnsupportedSpec: it has a field or a value that this version does not know.
    """
    try:
        return JobSpec.model_validate(stored)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = to_pointer(first["loc"]) + str(first.get("ctx", {}).get("pointer", ""))
        raise UnsupportedSpec(
            f"the job's spec is of another version of this service: {place}: {first['msg']}"
        ) from error
