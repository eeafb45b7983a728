"""The rules of the house that `make lint` does not know."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_installed_version_is_pinned() -> None:
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    frozen = subprocess.run(
        [sys.executable, "-m", "pip", "freeze", "--exclude-editable"], capture_output=True, text=True, check=True
    )
    installed = {line.partition("==")[0].lower() for line in frozen.stdout.splitlines() if "==" in line}
    assert installed <= pinned


def test_no_line_of_the_page_is_longer_than_one_of_ours() -> None:
    scripts = [path for path in (ROOT / "page" / "static").glob("**/*.js") if "vendor" not in path.parts]
    lines = {f"{path.name}:{n}": line for path in scripts for n, line in enumerate(path.read_text().splitlines(), 1)}
    assert [place for place, line in lines.items() if len(line) > 120] == []
