"""Writes docker/locks: the packages of the images, each with the digests of all its files in the package index.

`base.txt` is what the service needs, every other file what an extra adds to it; `build.txt` is what the wheel is built
with. Called with the path of uv, by `make locks`.
"""

# ruff: noqa: INP001  # a script beside the Dockerfile, in no package

import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
FOLDER = PROJECT / "docker" / "locks"
PYPROJECT = PROJECT / "pyproject.toml"
EXTRAS = ("otel", "s3", "worker")
COMPILE = ["pip", "compile", "--quiet", "--universal", "--python-version=3.11", "--generate-hashes", "--upgrade"]
PLAIN = ["--no-header", "--no-annotate", "--no-emit-index-url"]
HEAD = "# Made by `make locks` from constraints.txt: do not edit.\n"
ONLY_ON_LINUX = " ; sys_platform == 'linux'"
"""The marker that uv writes after each package, because it resolves for the images' system alone."""


def lock(uv: str, source: str, *options: str, given: str | None = None) -> Mapping[str, str]:
    """Resolve and return the lines of each package by its name."""
    command = [uv, *COMPILE, *PLAIN, "--constraint=constraints.txt", *options, source]
    found = subprocess.run(command, check=True, cwd=PROJECT, input=given, stdout=subprocess.PIPE, text=True)  # noqa: S603
    entries = re.split(r"(?m)^(?=\S)", found.stdout.replace(f"{ONLY_ON_LINUX} ", " "))[1:]
    return {entry.partition("==")[0]: entry for entry in entries}


def write(name: str, entries: Mapping[str, str]) -> None:
    (FOLDER / f"{name}.txt").write_text(HEAD + "".join(entries.values()))


def lock_all(uv: str) -> None:
    base = lock(uv, PYPROJECT.name)
    write("base", base)
    for extra in EXTRAS:
        whole = lock(uv, PYPROJECT.name, f"--extra={extra}")
        write(extra, {name: entry for name, entry in whole.items() if name not in base})
    build_system = tomllib.loads(PYPROJECT.read_text())["build-system"]["requires"]
    write("build", lock(uv, "-", given="\n".join(build_system)))


if __name__ == "__main__":
    lock_all(sys.argv[1])
