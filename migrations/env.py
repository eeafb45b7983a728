"""Alembic's entry: `activation-lab migrate` passes the URL; the bare `alembic` command takes it from the settings."""

from sqlite3 import Connection as SQLiteConnection

from alembic import context
from sqlalchemy import Connection, create_engine, event, text

from db.models import Base
from db.session import parse_url
from runtime import settings

MIGRATION_LOCK = 7_310_577
LONGEST_WAIT_SECONDS = 24 * 3600
"""For another caller, whose migration of a large database may take long."""


def run() -> None:
    url = context.config.attributes.get("url") or settings.read().database
    if parse_url(url).drivername == "sqlite":  # whose driver would begin no transaction before a change of the schema
        engine = create_engine(url, connect_args={"timeout": LONGEST_WAIT_SECONDS})
        event.listen(engine, "connect", leave_transactions_to_us)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    else:
        engine = create_engine(url, connect_args={"options": "-c statement_timeout=0 -c lock_timeout=0"})
        event.listen(engine, "begin", take_turn)
    try:
        with engine.connect() as connection:
            migrate(connection)
    finally:
        engine.dispose()


def migrate(connection: Connection) -> None:
    """Migrate in one transaction, which first waits for those of other callers: all of it is done, or nothing."""
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=True
    )
    with context.begin_transaction():
        context.run_migrations()


def leave_transactions_to_us(connection: SQLiteConnection, _: object) -> None:
    connection.isolation_level = None


def take_turn(connection: Connection) -> None:
    """Wait for other migrations; no time limit that the server may have for a statement ends the wait."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})


run()
