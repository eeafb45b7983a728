"""What README and docs say: every snippet is run, in order, and every link leads somewhere."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from service import Service, service_on
from snippets import ROOT, RUN, SHOWN, Snippet, documents, snippets
from typer import Typer
from typer.models import CommandInfo

from stack.cli import app
from stack.commands import app as client_commands

pytestmark = pytest.mark.timeout(300)

WHY_NOT = frozenset(
    {
        "it is tried by tests/compose",
        "it takes minutes",
        "it runs the service",
        "it changes the host",
        "it needs an MLflow server",
    }
)
ALL = [snippet for path in documents() for snippet in snippets(path)]
NOT_RUN = [snippet for snippet in ALL if snippet.not_run]
WITH_SNIPPETS = [path for path in documents() if any(s.language in RUN and not s.not_run for s in snippets(path))]
WRITTEN_URL = "http://127.0.0.1:8000"
EXAMPLE_ID = "0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"
SMALL = "--set train_samples=128 --set validation.fraction=0.001"
SPARE = "SPARE=$(activation-lab submit --activation relu --epochs 500)"
PRELUDE = "set -euo pipefail; set -a; [ -f .state ] && . ./.state\n"  # set -a: what a block sets, later ones have
AFTERWORD = "\ndeclare -px | grep -E ' (JOB|SWEEP|SPARE)=' > .state || true"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service_on(tmp_path_factory.mktemp("stack"), worker_processes="2") as running:
        running.ended(running.submit(epochs=1))  # whoever makes a backup has something to back up
        yield running


def data_of(service: Service) -> Path:
    return Path(service.part("worker").environ()["ACTIVATION_LAB_DATA_DIR"])


@pytest.fixture
def folder(tmp_path: Path, service: Service) -> Path:
    """Where a reader sits who called `up` here: `activation-lab` is on the path."""
    (tmp_path / ".activation-lab").symlink_to(data_of(service))
    command = tmp_path / "bin" / "activation-lab"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m stack "$@"\n')
    command.chmod(0o755)
    return tmp_path


def run(snippet: Snippet, service: Service, folder: Path, *, script: str | None = None) -> str:
    text = (script or snippet.text).replace(WRITTEN_URL, str(service.http.base_url).rstrip("/"))
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "ACTIVATION_LAB_URL": str(service.http.base_url),
        "MPLBACKEND": "agg",
    }
    (folder / "block.py").write_text(text)
    body = f"{sys.executable} block.py" if snippet.language == "python" else text
    result = subprocess.run(
        ["bash", "-c", PRELUDE + body + AFTERWORD],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{snippet}: {result.stdout[-2000:]}\n{result.stderr[-2000:]}"
    return result.stdout


@pytest.mark.parametrize("path", WITH_SNIPPETS, ids=lambda path: path.name)
def test_every_snippet_does_what_its_document_says(path: Path, service: Service, folder: Path) -> None:
    for snippet in snippets(path):
        if snippet.not_run or snippet.language not in RUN:
            continue
        if snippet.language == "console":
            for command, expected in conversation(snippet):
                said = run(snippet, service, folder, script=command)
                assert expected.fullmatch(said.strip()), f"{snippet}: {command}\n{said}"
        else:
            run(snippet, service, folder)
    leave_nothing_running(service)


def conversation(snippet: Snippet) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Each command after a $, and what it is to say; ... stands for anything."""
    for part in re.split(r"^\$ ", snippet.text, flags=re.MULTILINE)[1:]:
        command, _, said = part.partition("\n")
        pattern = ".*".join(re.escape(piece) for piece in re.split(r"\.\.\.|…", said.strip()))
        yield command, re.compile(pattern, re.DOTALL)


def leave_nothing_running(service: Service) -> None:
    for state in ("queued", "running"):
        for job in service.http.get(f"/v1/jobs?state={state}&limit=200").json()["data"]:
            service.http.post(f"/v1/jobs/{job['id']}/cancel")


def test_every_block_is_run_or_says_why_not() -> None:
    for snippet in ALL:
        assert snippet.language in RUN | SHOWN, f"{snippet}: what is {snippet.language!r}?"
        assert snippet.not_run is None or snippet.not_run in WHY_NOT, f"{snippet}: {snippet.not_run}"
    assert len(ALL) - len(NOT_RUN) > 15


@pytest.mark.parametrize("snippet", NOT_RUN, ids=str)
def test_what_is_not_run_is_there_all_the_same(snippet: Snippet) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = {command.name or command.callback.__name__ for command in all_commands(app) if command.callback}
    for line in snippet.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert words[1] in targets, f"{snippet}: {line}"
        if words[:1] == ["activation-lab"]:
            assert words[1] in commands | {"keys"}, f"{snippet}: {line}"
        for word in words:
            if re.fullmatch(r"[\w./-]+\.(yml|py|sh)|tests/[\w/]+|\.env\.example", word):
                assert (ROOT / word).exists(), f"{snippet}: {word}"


LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([\w-]+))?\)")


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    for target, heading in LINK.findall(path.read_text()):
        found = path.parent / target if target else path
        assert found.exists(), f"{path.name}: {target}"
        if heading:
            assert heading in headings(found), f"{path.name}: {target}#{heading}"


def headings(path: Path) -> set[str]:
    """As GitHub names them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_setting_is_in_the_readme() -> None:
    from jobs.settings import PREFIX, Settings  # noqa: PLC0415

    text = (ROOT / "README.md").read_text()
    for name in Settings.model_fields:
        assert f"`{PREFIX}{name.upper()}`" in text


def all_commands(within: Typer) -> Iterator[CommandInfo]:
    yield from within.registered_commands
    for group in within.registered_groups:
        if group.typer_instance:
            yield from all_commands(group.typer_instance)


def examples() -> list[str]:
    """Of the client commands' help: those of the service itself are no client's."""
    clients = [command.callback for command in all_commands(client_commands) if command.callback]
    return [line for command in clients for line in re.findall(r"Example: (activation-lab .+)", command.__doc__ or "")]


def test_every_example_of_the_help_works(service: Service, folder: Path) -> None:
    shown = [Snippet("--help", number, "sh", text, None) for number, text in enumerate(examples(), start=1)]
    assert len(shown) > 18
    first = Snippet("--help", 0, "sh", f"JOB=$(activation-lab submit --activation relu --epochs 2 {SMALL})", None)
    run(first, service, folder)
    run(first, service, folder, script="activation-lab watch $JOB; activation-lab checkpoints $JOB")
    (folder / "seven.png").write_bytes(drawn_digit())
    for snippet in shown:
        run(snippet, service, folder, script=tried(snippet.text))
        leave_nothing_running(service)


def tried(example: str) -> str:
    """The example on a job of the test's own, as small as it can be."""
    command, text = example.split()[1], example.replace(EXAMPLE_ID, "$JOB")
    if command in {"submit", "sweep"}:
        return f"{text} --epochs 1 {SMALL}"
    if command == "cancel":
        return f"{SPARE}\n{text.replace('$JOB', '$SPARE')}"
    if command == "delete":
        ended = "activation-lab cancel $SPARE\nactivation-lab watch $SPARE || true"
        return f"{SPARE}\n{ended}\n{text.replace('$JOB', '$SPARE')}"
    return text


def drawn_digit() -> bytes:
    import io  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    content = io.BytesIO()
    Image.new("L", (28, 28)).save(content, "PNG")
    return content.getvalue()
