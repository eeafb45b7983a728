"""The locks of the images, compared with constraints.txt and with what is installed here."""

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[2]
LOCKS = {path.stem: path.read_text() for path in (PROJECT / "docker" / "locks").glob("*.txt")}
OURS = "activation-lab"

pytestmark = pytest.mark.quick


def read_pins(text: str) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version in re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", text)}


PINNED = read_pins((PROJECT / "constraints.txt").read_text())
LOCKED = {name: read_pins(text) for name, text in LOCKS.items()}


def find_needed(extras: Iterable[str]) -> set[str]:
    """Find the packages that the service needs with these extras on this Python, by the metadata of what is installed.

    One that is not installed was not needed here.
    """
    found: set[str] = set()
    waiting = {(OURS, extra) for extra in ("", *extras)}
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extra = waiting.pop()
        seen.add((name, extra))
        try:
            requirements = [Requirement(text) for text in requires(name) or []]
        except PackageNotFoundError:
            continue
        found.add(canonicalize_name(name))
        for one in requirements:
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                waiting |= {(canonicalize_name(one.name), more) for more in ("", *one.extras)} - seen
    return found - {OURS}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_the_versions_of_the_constraints(name: str):
    assert LOCKED[name]
    assert LOCKED[name] == {package: PINNED.get(package) for package in LOCKED[name]}


@pytest.mark.parametrize("name", LOCKS)
def test_each_locked_package_has_digests_and_no_index(name: str):
    entries = re.split(r"(?m)^(?=\S)", LOCKS[name])[2:]  # after the comment

    assert len(entries) == len(LOCKED[name])
    assert all(re.fullmatch(r"\S+( ; [^\\\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n", entry) for entry in entries)


@pytest.mark.parametrize("extra", ["", *sorted(LOCKS.keys() - {"base", "build"})])
def test_the_locks_hold_all_that_an_image_needs(extra: str):
    locked = {*LOCKED["base"], *(LOCKED[extra] if extra else ())}

    assert find_needed([extra] if extra else []) <= locked


def test_there_is_a_lock_for_each_extra_of_the_images():
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    assert {*LOCKS} == {*extras, "base", "build"} - {"dev", "export"}
