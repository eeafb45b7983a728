import re

import pytest

from db.clock import now
from db.models import Worker
from tests.support.command_line import show_on_terminal
from tests.support.recorded_runs import Lab, Service

WORKER = "worker-9bc26492@a-machine-7/3735"


def test_an_id_stays_in_one_piece_on_a_narrow_terminal(service: Service, lab: Lab):
    job_id = lab("submit", "--activation", "relu").stdout.strip()
    shown = show_on_terminal("list", ACTIVATION_LAB_URL=service.url, COLUMNS="60")
    assert job_id in shown


@pytest.mark.parametrize("command", ["list", "sweeps", "workers", "show job", "show sweep"])
@pytest.mark.parametrize("columns", [80, 100, 132, 250])
def test_a_table_fits_its_terminal_and_keeps_ids_whole(service: Service, lab: Lab, command: str, columns: int):
    named = ("--name", "a name [/red] that is \x1b[31mlonger than most " + "and on " * 20, "--note", "a note " * 30)
    job_id = lab("submit", "--activation", "leaky-relu", "--epochs", "100", *named).stdout.strip()
    lab("submit", "--activation", "hardswish", "--set", "seed=4294967295", "--set", "batch_size=64")
    sweep_id = lab("sweep", "--activations", "gelu", "--seeds", "1-3", *named).stdout.strip()
    service.train(job_id, epochs=100)
    with service.sessions.begin() as session:
        session.add(
            Worker(id=WORKER, device="NVIDIA H100 80GB HBM3", job_id=job_id, started_at=now(), last_seen_at=now())
        )
    known = {"job": job_id, "sweep": sweep_id}
    words = [known.get(word, word) for word in command.split()]
    shown = show_on_terminal(*words, ACTIVATION_LAB_URL=service.url, COLUMNS=str(columns), TERM="xterm", NO_COLOR="1")
    assert "\x1b[31m" not in shown
    lines = re.sub(r"\x1b\[[0-9;]*m|\r", "", shown).splitlines()
    assert max(map(len, lines)) <= columns, shown
    whole = {"list": [job_id], "sweeps": [sweep_id], "workers": [job_id, WORKER]}.get(command, words[1:])
    assert all(each in shown for each in whole), shown
    if command == "list":
        assert all(column in lines[0] for column in ("id", "state", "activation", "accuracy", "name")), shown
        assert ("differs in" in lines[0]) == (columns == 250), shown
