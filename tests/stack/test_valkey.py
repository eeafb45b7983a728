from pathlib import Path
from time import monotonic

import pytest

from stack.valkey import make_valkey
from tests.support.names import NAMES
from tests.support.waiting import wait_for


@pytest.mark.parametrize("name", NAMES)
def test_valkey_keeps_its_files_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with (tmp_path / "log").open("w") as log:
        server = make_valkey(folder, log)
        server.start()
        wait_for((folder / "valkey" / "appendonlydir").exists, seconds=30)
        assert server.alive
        server.ask_to_stop()
        server.stop_by(monotonic() + 10)
