"""Labels that distinguish jobs in a legend."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.spec import JobSpec
from jobs.values import flatten, format_fields, format_value

LEFT_OUT = {"activation", "metadata"}
OF_THE_ACTIVATION = {"formula", "parameters"}
LONGEST_NAME = 40


def label_specs(specs: Sequence[JobSpec]) -> list[str]:
    """Label each job by its activation, its name, and all other fields in which the jobs differ.

    `relu “baseline”, optimizer.learning_rate 0.01`. A formula and parameters are only compared with those of the same
    activation.
    """
    return [
        ", ".join([make_title(spec), *(f"{path} {format_value(value)}" for path, value in differences.items())])
        for spec, differences in zip(specs, find_differences(specs), strict=True)
    ]


def find_differences(specs: Sequence[JobSpec]) -> list[dict[str, Any]]:
    """Find each job's values of the fields in which the jobs differ, by dotted path."""
    dumped = [spec.model_dump(mode="json", exclude=LEFT_OUT) for spec in specs]
    formatted = [format_fields(fields) for fields in dumped]
    return [
        {path: value for path, value in flatten(fields) if differs(path, spec, specs, formatted)}
        for spec, fields in zip(specs, dumped, strict=True)
    ]


def make_title(spec: JobSpec) -> str:
    name = find_name(spec)
    return spec.activation if name is None else f"{spec.activation} “{shorten_name(name)}”"


def find_name(spec: JobSpec) -> str | None:
    return spec.metadata.get("name", "").strip() or None


def shorten_name(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1].rstrip() + "…"


def differs(path: str, spec: JobSpec, specs: Sequence[JobSpec], formatted: Sequence[Mapping[str, str]]) -> bool:
    same_activation_only = path.partition(".")[0] in OF_THE_ACTIVATION
    compared = (
        fields.get(path)
        for other, fields in zip(specs, formatted, strict=True)
        if other.activation == spec.activation or not same_activation_only
    )
    return len(set(compared)) > 1
