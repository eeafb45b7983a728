"""Names that tell jobs apart in a legend."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobs.spec import JobSpec
from jobs.values import format_value

LEFT_OUT = {"activation", "metadata"}
OF_THE_ACTIVATION = "parameters."
LONGEST_NAME = 40


def label_specs(specs: Sequence[JobSpec]) -> list[str]:
    """The activation, its owner's name for the job, and of all other fields those that differ.

    `relu “baseline”, optimizer.learning_rate 0.01`. A parameter is compared with that of the same activation alone.
    """
    flat = [dict(format_leaves(spec.model_dump(mode="json", exclude=LEFT_OUT))) for spec in specs]
    return [
        ", ".join(
            [
                make_title(spec),
                *(f"{path} {value}" for path, value in found.items() if differs(path, spec, specs, flat)),
            ]
        )
        for spec, found in zip(specs, flat, strict=True)
    ]


def make_title(spec: JobSpec) -> str:
    name = find_name(spec)
    return spec.activation if name is None else f"{spec.activation} “{shorten_name(name)}”"


def find_name(spec: JobSpec) -> str | None:
    return spec.metadata.get("name", "").strip() or None


def shorten_name(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1].rstrip() + "…"


def format_leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Every leaf by its dotted path, as text."""
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from format_leaves(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", format_value(inner)


def differs(path: str, spec: JobSpec, specs: Sequence[JobSpec], flat: Sequence[Mapping[str, str]]) -> bool:
    everyone = not path.startswith(OF_THE_ACTIVATION)
    alike = (found for other, found in zip(specs, flat, strict=True) if everyone or other.activation == spec.activation)
    return len({found.get(path) for found in alike}) > 1
