"""Runs schemathesis on the service, with every phase and check, and reads its report."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.fuzz.target import Target

PROGRAM = Path(sys.executable).with_name("schemathesis")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


HOOKS = Path(__file__).with_name("hooks.py")
KNOWN_PROBABILITY = 0.7
"""Of an id that exists; the others come from answers, or are random."""
ROUNDS_OF_SEQUENCES = 10


@dataclass(frozen=True, slots=True)
class Tried:
    operations: int
    untested: int
    cases: int
    failed: int
    failures: tuple[str, ...]
    """Title and number of each kind, also of errors that kept a case from being tried."""
    seconds: float

    @classmethod
    def read(cls, report: dict[str, Any]) -> Self:
        operations, cases = report["operations"], report["test_cases"]
        kinds = [*report["failures"], *report["errors"]]
        return cls(
            operations=operations["tested"],
            untested=operations["total"] - operations["tested"],
            cases=cases["generated"],
            failed=cases["with_failures"] + cases["errored"],
            failures=tuple(f"{kind['title']}: {kind['count']}" for kind in kinds),
            seconds=report["running_time"],
        )

    @property
    def is_sound(self) -> bool:
        return not self.failures and not self.failed

    def __str__(self) -> str:
        told = "; ".join(self.failures) or "without a failure"
        return f"{self.cases:,} cases of {self.operations} operations in {self.seconds:.0f} s, {told}"


def try_schema(target: Target, *options: str) -> Tried:
    """Try the operations that OpenAPI lists; the options are those of `schemathesis run`."""
    with tempfile.TemporaryDirectory() as folder:
        known = format_known(target.known)
        report, configuration = Path(folder) / "report.json", Path(folder) / "schemathesis.toml"
        configuration.write_text(f"hooks = {json.dumps(str(HOOKS))}\n{CONFIGURATION.read_text()}{known}")
        headers = [part for name, value in target.headers.items() for part in ("-H", f"{name}:{value}")]
        command = [PROGRAM, "--config-file", configuration, "run", f"{target.url}/openapi.json", "--no-color"]
        reported = ["--report", "json", "--report-json-path", report]
        arguments = [str(part) for part in (*command, *reported, *headers, *options)]
        listed = {"jobs": target.known["job_id"], "sweeps": target.known["sweep_id"]}
        ids = json.dumps({"known": listed, "probability": KNOWN_PROBABILITY})
        subprocess.run(arguments, cwd=folder, env=os.environ | {"FUZZ_IDS": ids}, check=False)
        return Tried.read(json.loads(report.read_text()))


def try_in_rounds(target: Target, *options: str) -> Iterator[Tried]:
    """Try the operations, then requests that go on from the answers of others in several more rounds.

    Hypothesis ends a round as soon as it finds a repeated sequence answered otherwise, which this service, whose jobs
    go on meanwhile, does now and then.
    """
    yield try_schema(target, *options)
    for _ in range(ROUNDS_OF_SEQUENCES):
        yield try_schema(target, *options, "--phases", "stateful")


def format_known(known: Mapping[str, Sequence[str]]) -> str:
    """Format what exists as dictionaries, which the parameters of the path are taken from."""
    typed = {name: [int(text) if text.isdecimal() else text for text in values] for name, values in known.items()}
    dictionaries = "".join(f"{name} = {{ values = {json.dumps(values)} }}\n" for name, values in typed.items())
    binding = f"probability = {KNOWN_PROBABILITY}"
    parameters = "".join(f'"path.{name}" = {{ dictionary = "{name}", {binding} }}\n' for name in known)
    return f"[dictionaries]\n{dictionaries}[parameters]\n{parameters}"
