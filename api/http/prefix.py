"""The path prefix of the service, such as /lab behind a proxy.

ASGI calls it `root_path`; each mount, such as /static, adds its own to it while it answers.
"""

from contextvars import ContextVar

from starlette.types import Scope

current: ContextVar[str] = ContextVar("prefix", default="")
"""The prefix of the request that is being answered; api.http.proxy sets it."""


def add_prefix(path: str) -> str:
    """Add the prefix of the request that is being answered to a path, which begins with a slash."""
    return current.get() + path


def remove_prefix(scope: Scope) -> str:
    """Remove the prefix from the request's path, as the routes are declared, before a mount adds its own to it."""
    path, prefix = str(scope["path"]), scope.get("root_path", "")
    return path.removeprefix(prefix) if f"{path}/".startswith(f"{prefix}/") else path


def is_below(scope: Scope, folder: str) -> bool:
    return f"{remove_prefix(scope)}/".startswith(f"{folder}/")
