"""Access to the service: what an API key permits, and whose jobs and sweeps its holder sees."""

from dataclasses import dataclass
from enum import StrEnum

NOBODY = ""
"""The owner of what was made where the service needed no key."""


class Scope(StrEnum):
    """The requests that a key permits."""

    READ = "read"
    """To look, and to calculate: nothing that is stored or occupies a worker."""
    SUBMIT = "submit"
    """Also to submit, edit, cancel and delete jobs and sweeps."""
    ADMIN = "admin"
    """The same with everybody's jobs and sweeps."""

    def permits(self, needed: "Scope") -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of the key that a request came with."""

    key: str
    """The key's name."""
    owner: str
    """Whose jobs and sweeps the key works with."""
    scope: Scope

    @property
    def sees(self) -> str | None:
        """The owner of the jobs and sweeps that the holder sees; None = everybody's."""
        return None if self.scope == Scope.ADMIN else self.owner


EVERYBODY = Holder("", NOBODY, Scope.ADMIN)
"""The holder of no key, where the service needs none."""
