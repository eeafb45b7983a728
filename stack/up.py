"""The whole service on one machine: Valkey, the API and a worker, as children of this process."""

import fcntl
import http.client
import logging
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import IO, TypeVar

from runtime.settings import PREFIX, Settings
from stack.errors import CannotStart, Interrupted, Stopped
from stack.gate import Gate, make_gate
from stack.listening import format_address, open_listener, refuse_exposure
from stack.processes import Child
from stack.supervision import DiskWatch, Watch
from stack.valkey import Valkey, make_valkey
from storage.disk import is_full
from storage.mnist import find_archives

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_START_SECONDS = 60.0
MAX_STOP_SECONDS = 8.0
POLL_SECONDS = 0.1
READY_POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Stack:
    url: str
    children: Sequence[Child]
    stopping: threading.Event
    log_path: Path
    data_dir: Path

    def supervise(self, warn: Callable[[str], None]) -> None:
        """Restart each child that dies, until the stack is told to stop; warn of one that dies again and again."""
        watches = [Watch(child, warn, self.log_path) for child in self.children]
        disk = DiskWatch(self.data_dir, warn)
        while not self.stopping.wait(POLL_SECONDS):
            for watch in watches:
                watch.check(monotonic())
            disk.check()

    def supervise_during(self, call: Callable[[], T]) -> T:
        """Supervise until the call, in another thread, has returned; returns its result, or raises its error.

        Supervision stays in this thread: the children die with the thread that started them.

        Raises:
            Interrupted: a signal came first. The call is not waited for.
        """
        result: Future[T] = Future()

        def run() -> None:
            try:
                result.set_result(call())
            except Exception as error:  # noqa: BLE001  # it is raised below
                result.set_exception(error)
            self.stopping.set()

        threading.Thread(target=run, daemon=True).start()
        self.supervise(warn=log.warning)
        if not result.done():
            raise Interrupted
        return result.result()


@contextmanager
def run_stack(settings: Settings, *, host: str, port: int, log_to: IO[str]) -> Iterator[Stack]:
    """A stack that is ready to take jobs inside the block and gone after it. SIGINT and SIGTERM set its `stopping`.

    It has a broker of its own unless the settings name one.

    Raises:
        CannotStart: another stack uses the data folder, the port is taken, or a part does not come up.
        DataMissing: MNIST is not where the settings say.
        WrongSchema: the database is of another version.
        Stopped: a signal came before it was ready.
    """
    with ExitStack() as cleanup:
        cleanup.enter_context(lock_folder(settings.data_dir))
        refuse_full_disk(settings.data_dir)
        find_archives(settings.mnist_dir)
        listener = cleanup.enter_context(open_listener(host, port))
        refuse_exposure(listener, settings)
        stopping = cleanup.enter_context(catch_signals())
        gate = cleanup.enter_context(make_gate())
        children = make_children(settings, listener, gate, log_to)
        cleanup.callback(stop_children, children)
        *others, worker = children
        for child in others:
            child.start()
        prepare_data(settings)
        gate.open()
        address = listener.getsockname()[:2]
        url = f"http://{format_address(*address)}"
        stack = Stack(url, children, stopping, Path(log_to.name), settings.data_dir)
        wait_until_ready(stack, address, log_name=log_to.name)
        worker.start()  # not before: torch takes seconds of both cores, and a job waits for it in any case
        yield stack


def prepare_data(settings: Settings) -> None:
    from db import schema  # noqa: PLC0415  # while the API imports the same

    schema.migrate(settings.database)
    if not settings.checkpoints_url:
        (settings.data_dir / "checkpoints").mkdir(exist_ok=True)  # so that an early backup finds it


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; the system releases it however the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "stack.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(f"another stack is running on {folder}; stop it, or choose another --data-dir") from error
        yield


def refuse_full_disk(folder: Path) -> None:
    if is_full(folder):
        raise CannotStart(f"the disk of {folder} is full: make room on it, or choose another --data-dir")


@contextmanager
def catch_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, until the block ends."""
    stopping = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # a signal handler's arguments
        stopping.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    yield stopping
    for number, handler in before.items():
        signal.signal(number, handler)


def make_children(settings: Settings, listener: socket.socket, gate: Gate, log_to: IO[str]) -> list[Child]:
    """The children, in the order in which they start.

    The API is the first, as it imports for longer than everything else takes together; it serves once the gate is open.
    """
    broker = [] if "broker_url" in settings.model_fields_set else [make_valkey(settings.data_dir, log_to)]
    broker_url = broker[0].url if broker else settings.broker_url
    environment = {**os.environ, **export_settings(settings), f"{PREFIX}BROKER_URL": broker_url}
    fds = [listener.fileno(), gate.fd]
    options = ("--fd", str(fds[0]), "--gate", str(fds[1]))
    api = make_part("api", *options, environment=environment, log_to=log_to, pass_fds=fds)
    return [api, *broker, make_part("worker", environment=environment, log_to=log_to)]


def export_settings(settings: Settings) -> Mapping[str, str]:
    """The settings as the environment variables they are read from."""
    values = {**settings.model_dump(), "database_url": settings.database, "data_dir": settings.data_dir.resolve()}
    return {PREFIX + name.upper(): str(value) for name, value in values.items()}


def make_part(
    name: str, *arguments: str, environment: Mapping[str, str], log_to: IO[str], pass_fds: Sequence[int] = ()
) -> Child:
    return Child(name, [sys.executable, "-m", "stack", name, *arguments], environment, log_to, pass_fds=pass_fds)


def wait_until_ready(stack: Stack, address: tuple[str, int], *, log_name: str) -> None:
    deadline = monotonic() + MAX_START_SECONDS
    while not is_ready(stack, address, deadline, log_name=log_name):
        check_start(stack, deadline, log_name=log_name)


def is_ready(stack: Stack, address: tuple[str, int], deadline: float, *, log_name: str) -> bool:
    """Ask the API once. Its socket listens before it does: the question waits there for the answer."""
    connection = http.client.HTTPConnection(*address, timeout=POLL_SECONDS)
    try:
        connection.request("GET", "/readyz")
        while not select.select([connection.sock], [], [], 0)[0]:
            check_start(stack, deadline, log_name=log_name)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def check_start(stack: Stack, deadline: float, *, log_name: str) -> None:
    """Wait a moment for a signal.

    Raises:
        Stopped: it came.
        CannotStart: a part ended, the start itself filled the disk, or it takes too long.
    """
    if stack.stopping.wait(READY_POLL_SECONDS):
        raise Stopped
    refuse_full_disk(stack.data_dir)
    for child in stack.children:
        if child.process is not None and not child.alive:
            raise CannotStart(f"{child.name} ended with status {child.exit_status}; {log_name} says why")
    if monotonic() > deadline:
        raise CannotStart(f"not ready within {MAX_START_SECONDS:.0f} s; {log_name} says why")


def stop_children(children: Sequence[Child]) -> None:
    """The API and the worker first, then the broker, which they use."""
    deadline = monotonic() + MAX_STOP_SECONDS
    users, brokers = [c for c in children if not isinstance(c, Valkey)], [c for c in children if isinstance(c, Valkey)]
    for group in (users, brokers):
        for child in group:
            child.ask_to_stop()
        for child in group:
            child.stop_by(deadline)
