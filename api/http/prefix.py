"""The path that the service lives below, such as /lab behind a proxy, and the paths below that.

ASGI calls it `root_path`; each mount, such as /static, adds its own to it while it answers.
"""

from contextvars import ContextVar

from starlette.types import Scope

current: ContextVar[str] = ContextVar("prefix", default="")
"""Of the request that is being answered; set by api.http.proxy."""


def below(path: str) -> str:
    """Where a client of the request that is being answered finds this path, which begins with a slash."""
    return current.get() + path


def own_path(scope: Scope) -> str:
    """The request's path without the prefix, as the routes are declared; before any mount has added its own to it."""
    path, prefix = str(scope["path"]), scope.get("root_path", "")
    return path.removeprefix(prefix) if f"{path}/".startswith(f"{prefix}/") else path


def is_below(scope: Scope, folder: str) -> bool:
    return f"{own_path(scope)}/".startswith(f"{folder}/")
