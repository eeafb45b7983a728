"""Sessions: short, in a transaction, and with one name for each kind of outage."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection
from time import perf_counter
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from db.outages import Disk, find_folder, translate_error
from db.turns import FirstTurns, OrderedTurns, Turns
from jobs.errors import InvalidDatabaseUrl, WrongSchema
from runtime import tracing

MAPPED_BYTES = 2**30
"""Of SQLite's file; it reads what is beyond them as without."""
POSTGRESQL_DRIVER = "postgresql+psycopg"
POSTGRESQL = {
    # A silent server must not hang a request: refused or answered within seconds.
    "connect_args": {
        "connect_timeout": 3,
        "options": "-c statement_timeout=20000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=30000",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": 10_000,
    },
    "pool_pre_ping": True,
    "pool_timeout": 5,
}


class Sessions:
    """`begin()` for a transaction that writes, `read()` for one that does not.

    Both commit at the end of the block and roll back on an exception.

    Raises:
        DatabaseUnavailable: from either, when the database does not answer; a subclass names the cause.
        WrongSchema: `refusal` says why this process must leave the database alone.
    """

    def __init__(self, engine: Engine, turns: Turns | None = None) -> None:
        self.engine = engine
        self._turns = turns
        self.disk = Disk(engine)
        self.reader = engine.execution_options(read_only=True)
        self.refusal: str | None = None
        self.before_commit: Callable[[Session], None] | None = None

    def begin(self) -> AbstractContextManager[Session]:
        self.check()
        if self._turns is None:
            return open_transaction(self.engine, self.before_commit)
        return open_in_turn(self.engine, self._turns, self.before_commit)

    def read(self) -> AbstractContextManager[Session]:
        self.check()
        return open_transaction(self.reader)

    def check(self) -> None:
        if self.refusal is not None:
            raise WrongSchema(self.refusal)

    def close(self) -> None:
        """Close the connections: at once, or when the transaction that uses one ends."""
        event.listen(self.engine, "checkin", close_connection)
        self.engine.dispose()


def close_connection(_: object, record: ConnectionPoolEntry) -> None:
    record.invalidate()


@contextmanager
def open_transaction(engine: Engine, before_commit: Callable[[Session], None] | None = None) -> Iterator[Session]:
    with translate_outages(engine), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session
        if before_commit is not None:
            before_commit(session)


@contextmanager
def open_in_turn(engine: Engine, turns: Turns, before_commit: Callable[[Session], None] | None) -> Iterator[Session]:
    """Open a transaction that waits for its turn before its first statement."""
    with ExitStack() as held:
        in_turn = engine.execution_options(take_turn=make_turn_taker(turns, held))
        with open_transaction(in_turn, before_commit) as session:
            yield session


def make_turn_taker(turns: Turns, held: ExitStack) -> Callable[[], float]:
    return lambda: held.enter_context(turns.turn())


@contextmanager
def translate_outages(engine: Engine | None = None) -> Iterator[None]:
    """Raise DatabaseUnavailable, or a subclass, for each way in which a database can fail to answer."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        outage = translate_error(error, None if engine is None else find_folder(engine))
        if outage is None:
            raise
        raise outage from error


def connect(url: str, *, pool_size: int = 20, goes_first: bool = False) -> Sessions:
    """Make sessions for the database at this SQLAlchemy URL; no connection is opened before the first use.

    If the database has one writer at a time, a process that `goes_first` writes before the others.

    Raises:
        InvalidDatabaseUrl: it names no database that this service supports.
    """
    turns: Turns | None = None
    if parse_url(url).drivername == POSTGRESQL_DRIVER:
        engine = create_engine(url, pool_size=pool_size, **POSTGRESQL)
        event.listen(engine, "handle_error", disconnect_after_failed_ping)
    else:
        # No limit to the pool: writers that wait for a turn must leave connections to readers.
        engine = create_engine(url, pool_size=0, connect_args={"timeout": 30})
        if database := engine.url.database:
            lock = Path(f"{database}-first")
            turns = FirstTurns(lock) if goes_first else OrderedTurns(lock)
        event.listen(engine, "connect", prepare_sqlite)
        event.listen(engine, "begin", begin_sqlite)
    if tracing.is_active():
        trace_statements(engine)
    return Sessions(engine, turns)


def disconnect_after_failed_ping(error: ExceptionContext) -> None:
    """Make the pool open another connection after any failed ping.

    For a connection that was cut, psycopg may only report that it is busy, as a ProgrammingError.
    """
    if error.is_pre_ping:
        error.is_disconnect = True


def trace_statements(engine: Engine) -> None:
    """Make a span for each statement that belongs to a trace, with its text and never with its parameters.

    Not opentelemetry-instrumentation-sqlalchemy 0.66: it refuses SQLAlchemy 2.1, traces each statement outside of
    a trace, such as a poll, and exports parameters in the messages of PostgreSQL's errors.
    """
    system = engine.dialect.name

    def begin(connection: Connection, *_: object) -> None:
        connection.info["statement_began_at"] = perf_counter()

    def end(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        seconds = perf_counter() - connection.info["statement_began_at"]
        attributes = {"db.system.name": system, "db.query.text": statement}
        tracing.record_span(statement.split(maxsplit=1)[0], attributes, seconds=seconds)

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)


def parse_url(url: str) -> URL:
    try:
        known = make_url(url)
    except ArgumentError as error:
        raise InvalidDatabaseUrl from error
    if known.drivername not in {"sqlite", POSTGRESQL_DRIVER}:
        raise InvalidDatabaseUrl
    return known


def prepare_sqlite(connection: SQLiteConnection, record: Any) -> None:  # noqa: ANN401, ARG001  # SQLAlchemy's hook
    connection.isolation_level = None  # the driver must not begin transactions of its own
    # Mapped pages stay with the system: the cache of a connection holds little, and is dropped when another one writes.
    mapped = f"mmap_size={MAPPED_BYTES}"
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON", mapped):
        connection.execute(f"PRAGMA {pragma}").close()


def begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: a transaction that reads first and writes later would fail if another wrote in between.
    options = connection.get_execution_options()
    read_only = options.get("read_only", False)
    if take_turn := options.get("take_turn"):
        connection.exec_driver_sql(f"PRAGMA busy_timeout={int(take_turn() * 1000)}")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def ensure_folder(url: str) -> None:
    """Create the folder of a SQLite database, which SQLite itself does not create."""
    known = parse_url(url)
    if known.drivername == "sqlite" and known.database:
        Path(known.database).parent.mkdir(parents=True, exist_ok=True)
