"""Alembic's entry: `activation-lab migrate` passes the URL; the bare `alembic` command takes it from the settings."""

from alembic import context
from sqlalchemy import create_engine, text

from db.models import Base
from jobs import settings

MIGRATION_LOCK = 7_310_577


def run() -> None:
    url = context.config.attributes.get("url") or settings.read().database
    engine = create_engine(url)
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
            connection.commit()
        context.configure(
            connection=connection, target_metadata=Base.metadata, render_as_batch=True, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
