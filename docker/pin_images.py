"""Writes after the tag of each image of others the digest that it has in its registry today. It takes Docker."""

# ruff: noqa: INP001  # a script beside the Dockerfile, in no package

import json
import re
import subprocess
import sys
from pathlib import Path

FILES = [Path(__file__).parents[1] / name for name in ("docker-compose.yml", "Dockerfile")]
IMAGE = re.compile(r"(?m)^( +image: |ARG PYTHON=)(?P<tag>[^:\s]+:[^@\s]+)(@sha256:[0-9a-f]{64})?$")
"""An image without a tag is one of ours."""


def pin(text: str) -> str:
    return IMAGE.sub(lambda found: f"{found[1]}{found['tag']}@{find_digest(found['tag'])}", text)


def find_digest(tag: str) -> str:
    """Pull the tag and return the digest of its index, which is the same for every architecture."""
    subprocess.run(["docker", "pull", "--quiet", tag], check=True, stdout=subprocess.DEVNULL)  # noqa: S603, S607
    inspect = ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", tag]
    digests = json.loads(subprocess.run(inspect, check=True, capture_output=True, text=True).stdout)  # noqa: S603
    name = tag.rpartition(":")[0]
    return next(digest.removeprefix(f"{name}@") for digest in digests if digest.startswith(f"{name}@"))


if __name__ == "__main__":
    for file in [Path(name) for name in sys.argv[1:]] or FILES:
        file.write_text(pin(file.read_text()))
