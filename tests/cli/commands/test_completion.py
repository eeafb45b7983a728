import os
import subprocess
import sys

import pytest

from activations import catalog
from cli.commands import completion
from tests.support.command_line import run_program
from tests.support.recorded_runs import Lab, Service


def completed(*words: str, **environment: str) -> list[str]:
    """The words that bash is offered for the last one."""
    asked = {
        "_ACTIVATION_LAB_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["activation-lab", *words]),
        "COMP_CWORD": str(len(words)),
    }
    program = "import sys; sys.argv = ['activation-lab']; from stack.main import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **asked, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    return result.stdout.split()


def test_activations_are_completed_without_a_service():
    away = {"ACTIVATION_LAB_URL": "http://127.0.0.1:1"}
    assert completed("evaluate", "le", **away) == ["leaky-relu"]
    assert completed("submit", "--activation", "", **away) == [*catalog.ACTIVATIONS]
    assert completion.complete_activations("relu,ge") == ["relu,gelu"]


def test_ids_are_completed_by_the_service_and_silently_not_at_all_without_one(service: Service, lab: Lab):
    job_id = lab("submit", "--activation", "relu").stdout.strip()
    sweep_id = lab("sweep", "--activations", "gelu").stdout.strip()
    assert {job_id, sweep_id} <= {*completed("watch", "", ACTIVATION_LAB_URL=service.url)}
    assert sweep_id not in completed("retry", "", ACTIVATION_LAB_URL=service.url)
    assert completed("watch", "", ACTIVATION_LAB_URL="http://127.0.0.1:1") == []
    assert completed("watch", "", ACTIVATION_LAB_URL="nonsense") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_can_be_shown(shell: str):
    result = run_program("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert result.returncode == 0, result.stderr
    assert "complete" in result.stdout
