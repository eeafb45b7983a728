"""The schema's version: reading that of the database, and migrating to that of the code."""

from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, inspect, select
from sqlalchemy.orm import Session

from db.session import Sessions, connect, ensure_folder, open_transaction, translate_outages
from jobs.errors import WrongSchema

if TYPE_CHECKING:
    from alembic.config import Config

VERSION = "0013"
"""The newest migration, repeated here so that the API can check it without importing Alembic."""

ALEMBIC_VERSION = Table("alembic_version", MetaData(), Column("version_num", String))


def migrate(url: str) -> None:
    """Migrate the database to the newest version; concurrent callers take turns.

    Raises:
        InvalidDatabaseUrl: the URL names no database that this service supports.
        DatabaseUnavailable: it does not answer.
        WrongSchema: its version is not one of ours, as after a newer version has migrated it.
    """
    ensure_folder(url)
    found = read_version_at(url)
    if found == VERSION:
        return
    from alembic import command  # noqa: PLC0415  # only a migration needs Alembic
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = make_config(url)
    try:
        ScriptDirectory.from_config(config).get_revision(found or "base")
        with translate_outages():
            command.upgrade(config, "head")
    except CommandError as error:
        raise WrongSchema(describe_mismatch(found)) from error


def read_version_at(url: str) -> str | None:
    sessions = connect(url)
    try:
        return read_version(sessions)
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
    with open_transaction(sessions.reader) as session:  # also while the sessions refuse
        if not inspect(session.connection()).has_table(ALEMBIC_VERSION.name):
            return None
        return session.scalar(select(ALEMBIC_VERSION.c.version_num))


def check(sessions: Sessions) -> None:
    """Check the schema's version; the sessions refuse everything else while it is not ours.

    Raises:
        WrongSchema: it is not.
        DatabaseUnavailable: the database does not answer.
    """
    found = read_version(sessions)
    sessions.refusal = None if found == VERSION else describe_mismatch(found)
    sessions.check()


def guard(sessions: Sessions) -> None:
    """Check the version in every transaction that writes, before its commit.

    After the job's row was locked: a migration that changes that table has committed by then, or waits for us.
    """
    sessions.before_commit = check_within


def check_within(session: Session) -> None:
    found = session.scalar(select(ALEMBIC_VERSION.c.version_num))
    if found != VERSION:
        raise WrongSchema(describe_mismatch(found))


def describe_mismatch(found: str | None) -> str:
    """Describe how the database's version differs from ours, and what helps."""
    if found is None:
        return f"the database has no schema, this service needs {VERSION}: run `activation-lab migrate`"
    remedy = "run `activation-lab migrate`" if found < VERSION else "install the version that migrated it"
    return f"the database's schema is {found}, this service needs {VERSION}: {remedy}"
