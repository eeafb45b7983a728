"""README, CONTRIBUTING and docs: every snippet is run, in order, and every link leads somewhere."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer import Typer
from typer.models import CommandInfo

from activations.formula.language import (
    LARGEST_EXPONENT,
    LARGEST_NUMBER,
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_NODES,
    SMALLEST_NUMBER,
)
from activations.formula.table import CONSTANTS, NAMED
from cli.commands import app as client_commands
from stack.main import app
from tests.docs import settings_page
from tests.docs.snippets import ROOT, RUN, SHOWN, Snippet, list_documents, parse_snippets
from tests.docs.terminal import Terminal, copy, install, open_network
from tests.faults.controls import GUARDS
from tests.support.service import service_on

pytestmark = pytest.mark.timeout(900)

WHY_NOT = frozenset(
    {
        "it is tried by tests/compose",
        "it takes minutes",
        "it runs the service",
        "the service runs already",
        "it changes the project",
        "it needs an MLflow server",
    }
)
ALL = [snippet for path in list_documents() for snippet in parse_snippets(path)]
NOT_RUN = [snippet for snippet in ALL if snippet.not_run]
WITH_SNIPPETS = [
    path for path in list_documents() if any(s.language in RUN and not s.not_run for s in parse_snippets(path))
]
WRITTEN_URL = "http://127.0.0.1:8000"
EXAMPLE_ID = "0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"
SMALL = "--set train_samples=128 --set validation.fraction=0.001"
CANCEL_ALL = f"""
import httpx
with httpx.Client(base_url="{WRITTEN_URL}/v1", timeout=60) as lab:
    for state in ("queued", "running"):
        for job in lab.get("/jobs", params={{"state": state, "limit": 200}}).raise_for_status().json()["data"]:
            lab.post("/jobs/" + job["id"] + "/cancel")
"""
PROGRAM = re.compile(r"# (\w+\.py)\n")
"""The first line of a block of Python: under which name it is saved."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newcomer") / "activation-lab"
    copy(ROOT, folder)
    install(folder)
    return folder


@pytest.fixture(scope="module")
def machine(project: Path) -> Iterator[Callable[[], Terminal]]:
    """Opens terminals on a machine where the service runs, as the documents say."""
    opened: list[Terminal] = []

    def open_terminal() -> Terminal:
        opened.append(Terminal(project, project.parent / "home", own))
        return opened[-1]

    with open_network() as own:
        [service] = {snippet.text for snippet in ALL if snippet.in_its_own_terminal}
        open_terminal().start(service, until=f"ready {WRITTEN_URL}")
        yield open_terminal
        for terminal in reversed(opened):  # the service last
            terminal.close()


@pytest.mark.parametrize("path", WITH_SNIPPETS, ids=lambda path: path.name)
def test_a_document_typed_in_as_it_is_printed_does_what_it_says(
    path: Path, machine: Callable[[], Terminal], project: Path
) -> None:
    terminal = machine()
    for snippet in parse_snippets(path):
        if snippet.not_run or snippet.in_its_own_terminal or snippet.language not in RUN:
            continue
        for command, expected in list_commands(snippet, project):
            result = terminal.type(command)
            assert result.status == 0, f"{snippet}: {command}\n{result}"
            assert expected is None or expected.fullmatch(result.stdout.strip()), f"{snippet}: {command}\n{result}"
    leave_nothing_running(machine())


def list_commands(snippet: Snippet, project: Path) -> Iterator[tuple[str, re.Pattern[str] | None]]:
    """A command, and its output where the document shows that."""
    if snippet.language == "console":
        yield from parse_conversation(snippet)
    elif snippet.language == "python":
        name = PROGRAM.match(snippet.text)
        assert name, f"{snippet}: under which name is it saved?"
        (project / name[1]).write_text(snippet.text)
        yield f"python {name[1]}", None
    else:
        yield snippet.text, None


def leave_nothing_running(terminal: Terminal) -> None:
    """Stop all jobs, which the next document would wait for."""
    result = terminal.type(f".venv/bin/python -c '{CANCEL_ALL}'")
    assert result.status == 0, result


def parse_conversation(snippet: Snippet) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Each command after a $, and what it is to say; ... stands for anything."""
    for part in re.split(r"^\$ ", snippet.text, flags=re.MULTILINE)[1:]:
        command, _, result = part.partition("\n")
        pattern = ".*".join(re.escape(piece) for piece in re.split(r"\.\.\.|…", result.strip()))
        yield command, re.compile(pattern, re.DOTALL)


def test_every_block_is_run_or_says_why_not() -> None:
    for snippet in ALL:
        assert snippet.language in RUN | SHOWN, f"{snippet}: what is {snippet.language!r}?"
        assert snippet.not_run is None or snippet.not_run in WHY_NOT, f"{snippet}: {snippet.not_run}"
    assert len(ALL) - len(NOT_RUN) > 15


@pytest.mark.parametrize("snippet", NOT_RUN, ids=str)
def test_what_is_not_run_is_there_all_the_same(snippet: Snippet) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = {command.name or command.callback.__name__ for command in walk_commands(app) if command.callback}
    for line in snippet.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert words[1] in targets, f"{snippet}: {line}"
        if words[:1] == ["activation-lab"]:
            assert words[1] in commands | {"keys"}, f"{snippet}: {line}"
        for word in words:
            if re.fullmatch(r"[\w./-]+\.(yml|py|sh)|tests/[\w/]+|\.env\.example", word):
                assert (ROOT / word).exists(), f"{snippet}: {word}"


PICTURE = re.compile(r' src(?:set)?="([^"]+)"')
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([\w-]+))?\)")


@pytest.mark.parametrize("path", list_documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_and_picture_leads_to_a_file_and_a_heading(path: Path) -> None:
    for target, heading in LINK.findall(path.read_text()):
        found = path.parent / target if target else path
        assert found.exists(), f"{path.name}: {target}"
        if heading:
            assert heading in list_headings(found), f"{path.name}: {target}#{heading}"
    for picture in PICTURE.findall(path.read_text()):
        assert (path.parent / picture).exists(), f"{path.name}: {picture}"


def list_headings(path: Path) -> set[str]:
    """List the anchors of a document's headings."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.quick
def test_the_page_of_the_faults_lists_every_guard_and_its_file() -> None:
    rows = re.findall(r"^\| (.+) \| `([\w/]+\.py)` \|", (ROOT / "docs" / "faults.md").read_text(), re.MULTILINE)
    assert rows == [(guard.promise, guard.file) for guard in GUARDS]


def test_the_readme_is_at_most_800_words_long() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 800


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda path: path.name)
def test_a_decision_is_at_most_250_words_long(path: Path) -> None:
    assert len(path.read_text().split()) <= 250


@pytest.mark.quick
def test_the_page_of_the_settings_says_what_the_code_says() -> None:
    assert settings_page.PAGE.read_text() == settings_page.render(), "run `make settings`"


@pytest.mark.quick
def test_the_page_on_formulas_has_every_function_and_every_bound() -> None:
    text = (ROOT / "docs" / "using.md").read_text()
    section = text[text.index("### The language") : text.index("## Gradients")]
    assert {*NAMED, *CONSTANTS} <= set(re.findall(r"\w+", section))
    bounds = (MAX_LENGTH, MAX_NODES, MAX_DEPTH, LARGEST_EXPONENT, SMALLEST_NUMBER, LARGEST_NUMBER)
    assert [bound for bound in bounds if f"{bound:,.4g}".replace("+", "") not in section] == []


def walk_commands(within: Typer) -> Iterator[CommandInfo]:
    yield from within.registered_commands
    for group in within.registered_groups:
        if group.typer_instance:
            yield from walk_commands(group.typer_instance)


def list_examples() -> list[str]:
    """Of the client commands' help: those of the service itself are no client's."""
    clients = [command.callback for command in walk_commands(client_commands) if command.callback]
    return [line for command in clients for line in re.findall(r"Example: (activation-lab .+)", command.__doc__ or "")]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Runs a line with `activation-lab` on the path and a service to talk to; returns what it printed."""
    command = tmp_path / "bin" / "activation-lab"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m stack "$@"\n')
    command.chmod(0o755)
    with service_on(tmp_path / "stack", worker_processes="2") as service:
        environment = {
            **os.environ,
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "ACTIVATION_LAB_URL": str(service.http.base_url),
        }

        def run(line: str) -> str:
            shell = ["bash", "-euo", "pipefail", "-c", line]
            done = subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
            return done.stdout.strip()

        yield run


def test_every_example_of_the_help_works(lab: Callable[[str], str], tmp_path: Path) -> None:
    assert len(list_examples()) > 18
    job_id = lab(f"activation-lab submit --activation relu --epochs 2 {SMALL}")
    lab(f"activation-lab watch {job_id}; activation-lab checkpoints {job_id}")
    (tmp_path / "seven.png").write_bytes(draw_digit())
    for example in list_examples():
        command = example.split()[1]
        spare = (
            lab("activation-lab submit --activation relu --epochs 500") if command in {"cancel", "delete"} else job_id
        )
        if command == "delete":
            lab(f"activation-lab cancel {spare}; activation-lab watch {spare} || true")
        small = f" --epochs 1 {SMALL}" if command in {"submit", "sweep"} else ""
        lab(example.replace(EXAMPLE_ID, spare) + small)


def draw_digit() -> bytes:
    import io  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    content = io.BytesIO()
    Image.new("L", (28, 28)).save(content, "PNG")
    return content.getvalue()
