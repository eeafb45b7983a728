"""Paths that end in an activation's name: which names they have."""

from starlette.routing import Match
from starlette.types import Scope

from activations import catalog
from api.activations.models import RESERVED_NAMES
from api.http.routing import Route
from jobs.spec import CUSTOM_NAME


class NameRoute(Route):
    """Matches the names that its methods can be for, so that a 405 and its Allow are true of each.

    That is every one but RESERVED_NAMES, and to delete those that are not of the catalog.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is not Match.NONE and not self.can_be_for(child_scope["path_params"].get("name")):
            return Match.NONE, {}
        return match, child_scope

    def can_be_for(self, name: str | None) -> bool:
        if name is None or "DELETE" not in (self.methods or ()):
            return name not in RESERVED_NAMES
        return bool(CUSTOM_NAME.fullmatch(name)) and name not in RESERVED_NAMES and name not in catalog.ACTIVATIONS
