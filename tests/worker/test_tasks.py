import os
import subprocess
import sys
from pathlib import Path

import pytest

PREPARE = """
from billiard.process import current_process
from worker.tasks import prepare_process
current_process().index = 0  # as in a child of a worker
prepare_process("worker")
"""


@pytest.mark.parametrize(("chosen", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "active"}, "ACTIVE")])
def test_a_training_process_waits_passively_unless_the_user_has_chosen(
    tmp_path: Path, chosen: dict[str, str], policy: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= chosen | {"ACTIVATION_LAB_DATA_DIR": str(tmp_path), "OMP_DISPLAY_ENV": "true"}

    # OpenMP itself says what it has read, on stderr.
    process = subprocess.run(
        [sys.executable, "-c", PREPARE], check=True, env=environment, capture_output=True, text=True
    )

    assert f"OMP_WAIT_POLICY = '{policy}'" in process.stderr
