"""Specs as SQL has them, perhaps written by another version of this service."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from jobs.errors import UnsupportedSpec
from jobs.spec import InvalidSpec, JobSpec, locate, refuse_unknown


def parse_spec(stored: Mapping[str, Any]) -> JobSpec:
    """Parse the stored spec of a job, complete with the fields that it is older than.

    Raises:
        UnsupportedSpec: it has a field or a value that this version does not know.
    """
    try:
        spec = JobSpec.model_validate(stored)
        refuse_unknown(spec)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise make_unsupported(f"{locate(first)}: {first['msg']}") from error
    except InvalidSpec as error:
        raise make_unsupported(str(error)) from error
    return spec


def make_unsupported(reason: str) -> UnsupportedSpec:
    return UnsupportedSpec(f"the job's spec is of another version of this service: {reason}")
