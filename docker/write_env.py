"""Writes .env from .env.example, with random passwords, for its owner alone."""

# ruff: noqa: INP001  # a script beside the Dockerfile, in no package

import os
import re
import secrets
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PASSWORD = re.compile(r"(?m)^#(\w+_PASSWORD)=$")


def write(example: Path, target: Path) -> None:
    """Raises FileExistsError: PostgreSQL keeps the password with which its volume was created."""
    text = PASSWORD.sub(lambda found: f"{found[1]}={secrets.token_hex(24)}", example.read_text())
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


if __name__ == "__main__":
    try:
        write(PROJECT / ".env.example", PROJECT / ".env")
    except FileExistsError:
        sys.exit(".env is there already; the database in its volume keeps the password that it names")
    print("wrote .env")  # noqa: T201
