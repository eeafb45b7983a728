import os
import sys
from pathlib import Path

from stack.gate import Gate, make_gate
from stack.processes import Child
from tests.support.waiting import wait_for

PROGRAM = """
from stack.gate import wait_for_gate
print("prepared", flush=True)
wait_for_gate(int(__import__("sys").argv[1]))
print("through", flush=True)
"""


def start(gate: Gate, log: Path) -> Child:
    with log.open("w") as file:
        child = Child("part", [sys.executable, "-c", PROGRAM, str(gate.fd)], os.environ, file, pass_fds=[gate.fd])
        child.start()
    return child


def test_a_child_prepares_and_goes_on_when_the_gate_opens(tmp_path: Path) -> None:
    with make_gate() as gate:
        first = start(gate, tmp_path / "first")
        wait_for(lambda: (tmp_path / "first").read_text() == "prepared\n", seconds=20)
        assert first.alive
        gate.open()
        assert first.process is not None
        assert first.process.wait(20) == 0
        again = start(gate, tmp_path / "again")
        assert again.process is not None
        assert again.process.wait(20) == 0, "a part that is started again finds it open"
    assert (tmp_path / "again").read_text() == "prepared\nthrough\n"
