"""Alembic's entry: `activation-lab migrate` passes the URL; the bare `alembic` command takes it from the settings."""

from sqlite3 import Connection as SQLiteConnection

from alembic import context
from sqlalchemy import Connection, create_engine, event, text

from db.models import Base
from runtime import settings

MIGRATION_LOCK = 7_310_577


def run() -> None:
    url = context.config.attributes.get("url") or settings.read().database
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":  # whose driver would begin no transaction before a change of the schema
        event.listen(engine, "connect", leave_transactions_to_us)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.connect() as connection:
            migrate(connection)
    finally:
        engine.dispose()  # with its lock


def migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        transaction_per_migration=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def leave_transactions_to_us(connection: SQLiteConnection, _: object) -> None:
    connection.isolation_level = None


run()
