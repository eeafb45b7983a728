"""A table as text, to be printed by `cli.tables.layout`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Sequence[str]
Answer = Mapping[str, Any]  # as the service sent it


@dataclass(frozen=True, slots=True)
class Table:
    headers: Row
    rows: Iterable[Row]
    optional: Sequence[str] = ()
    """The columns that a narrow terminal leaves out, the first of them first."""


def tabulate_facts(headers: Row, facts: Mapping[str, Any]) -> Table:
    """A row a fact, for those that there are."""
    return Table(headers, ((name, str(fact)) for name, fact in facts.items() if fact or fact == 0))
