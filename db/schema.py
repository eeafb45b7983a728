"""The schema's version: where the database stands, and bringing it to where the code is."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from db.session import Sessions, ensure_folder

FOLDER = str(files("migrations"))


def configuration(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", FOLDER)
    config.attributes["url"] = url
    return config


def migrate(url: str) -> None:
    """Bring the database to the newest version; several callers at once take turns."""
    ensure_folder(url)
    command.upgrade(configuration(url), "head")


def newest() -> str | None:
    return ScriptDirectory(FOLDER).get_current_head()


def current(sessions: Sessions) -> str | None:
    """The version of the database, None before the first migration."""
    with sessions.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()
