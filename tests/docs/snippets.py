"""The fenced blocks of the documents, each with the comment that says how to run it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = frozenset({"sh", "python", "console"})
SHOWN = frozenset({"text", "nginx"})  # what is no program
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- not run: (.+) -->\n$")
OWN_TERMINAL = "<!-- in a terminal of its own -->\n"


@dataclass(frozen=True, slots=True)
class Snippet:
    document: str
    line: int
    language: str
    text: str
    not_run: str | None
    """Why, in the words of the comment before it."""
    in_its_own_terminal: bool
    """It stays until Ctrl-C, beside the others."""

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def list_documents() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def parse_snippets(path: Path) -> Iterator[Snippet]:
    text = path.read_text()
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        mark = MARK.search(before)
        line = before.count("\n") + 1
        not_run, own = mark[1] if mark else None, before.endswith(OWN_TERMINAL)
        yield Snippet(str(path.relative_to(ROOT)), line, match[1], match[2], not_run, own)
