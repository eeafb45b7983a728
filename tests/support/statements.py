"""Statements that a database is sent, so that a test can count them: a number that no load of the machine changes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from db.session import Sessions

TABLE = re.compile(r"\b(?:INTO|FROM|UPDATE)\s+(\w+)")
OF_TRANSACTIONS = ("BEGIN", "PRAGMA")


@contextmanager
def record_statements(sessions: Sessions) -> Iterator[list[str]]:
    """Record the statements sent in the block, without those that begin a transaction."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(OF_TRANSACTIONS):
            sent.append(statement)

    event.listen(sessions.engine, "before_cursor_execute", note)
    yield sent
    event.remove(sessions.engine, "before_cursor_execute", note)


def name_targets(statements: list[str]) -> list[str]:
    """The first word of each statement, with the first table that it names."""
    named = [(statement.split()[0], TABLE.search(statement)) for statement in statements]
    return [f"{word} {table[1] if table else ''}".strip() for word, table in named]
