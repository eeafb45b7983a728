"""`make settings`: write docs/settings.md, the environment variables as the code describes them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from runtime.settings import CLIENT_VARIABLES, OBJECT_STORAGE_VARIABLES, PREFIX, PROJECT, Settings
from tests.docs.snippets import ROOT

PAGE = ROOT / "docs" / "settings.md"
TEXT = """# Settings

Environment variables configure the service and the client commands. An unknown or invalid one is refused at start, by
name. An empty one has its default. A carriage return at the end of a value, as a `.env` file from Windows has it, is
dropped. `make settings` writes this page from the code.

## Service

A default that is not listed is empty.

{service}

## Client commands

{client}

## Object storage

Where checkpoints go to S3, its driver reads these.

{storage}
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(render())


def render() -> str:
    return TEXT.format(
        service=table("variable", "default", "values", "meaning", rows=service_rows()),
        client=table("variable", "meaning", rows=plain_rows(CLIENT_VARIABLES)),
        storage=table("variable", "meaning", rows=plain_rows(OBJECT_STORAGE_VARIABLES)),
    )


def table(*headers: str, rows: Iterator[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headers, ["---"] * len(headers), *rows))


def service_rows() -> Iterator[tuple[str, ...]]:
    for name, field in Settings.model_fields.items():
        yield f"`{PREFIX}{name.upper()}`", describe_default(field), describe_values(field), field.description or ""


def plain_rows(variables: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    for name, meaning in variables.items():
        yield f"`{name}`", meaning


def describe_default(field: FieldInfo) -> str:
    default = field.default if field.default_factory is None else ""
    if isinstance(default, Path) and default.is_relative_to(PROJECT):
        return f"`{default.relative_to(PROJECT)}` of the project"
    return f"`{default}`" if str(default) else ""


def describe_values(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(field.annotation))
    words = {Ge: "at least {0.ge}", Gt: "above {0.gt}", Le: "at most {0.le}"}
    return ", ".join(words[type(bound)].format(bound) for bound in field.metadata if type(bound) in words)


if __name__ == "__main__":
    main()
