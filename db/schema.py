"""The schema's version: reading that of the database, and migrating to that of the code."""

from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, inspect, select

from db.session import Sessions, connect, ensure_folder, translate_outages

if TYPE_CHECKING:
    from alembic.config import Config

VERSION = "0010"
"""The newest migration, repeated here so that the API can check it without importing Alembic."""

ALEMBIC_VERSION = Table("alembic_version", MetaData(), Column("version_num", String))


def migrate(url: str) -> None:
    """Migrate the database to the newest version; concurrent callers take turns.

    Raises:
        InvalidDatabaseUrl: the URL names no database that this service supports.
        DatabaseUnavailable: it does not answer.
    """
    ensure_folder(url)
    if is_current(url):
        return
    from alembic import command  # noqa: PLC0415  # only a migration needs Alembic

    with translate_outages():
        command.upgrade(make_config(url), "head")


def is_current(url: str) -> bool:
    sessions = connect(url)
    try:
        return read_version(sessions) == VERSION
    finally:
        sessions.close()


def make_config(url: str) -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))  # of an INI file
    config.attributes["url"] = url
    return config


def read_version(sessions: Sessions) -> str | None:
    """Read the version of the database; None before the first migration."""
    with sessions.read() as session:
        if not inspect(session.connection()).has_table(ALEMBIC_VERSION.name):
            return None
        return session.scalar(select(ALEMBIC_VERSION.c.version_num))
