from pathlib import Path

from tests.support.command_line import run_program


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    there = {"ACTIVATION_LAB_DATA_DIR": str(tmp_path)}
    run_program("migrate", **there)
    assert run_program("keys", "create", "me", **there).stdout.startswith("al_")
    assert "already" in run_program("keys", "create", "me", **there).stderr
    given = ("--scope", "read", "--owner", "me", "--expires", "30d")
    assert run_program("keys", "create", "wall", *given, **there).stdout.startswith("al_")
    header, *rows = [line.split("\t") for line in run_program("keys", "list", **there).stdout.splitlines()]
    assert header == ["name", "owner", "scope", "created at", "expires at", "last used at"]
    assert [row[:3] for row in rows] == [["me", "me", "submit"], ["wall", "me", "read"]]
    assert [row[4][-3:] for row in rows] == ["", "UTC"]
    assert "al_" not in run_program("keys", "list", **there).stdout
    assert run_program("keys", "revoke", "me", **there).returncode == 0
    assert run_program("keys", "revoke", "me", **there).returncode == 1
    refused = run_program("keys", "create", "x" * 65, **there)
    assert (refused.returncode, "1 to 64 characters" in refused.stderr) == (1, True)
    assert "Traceback" not in refused.stderr
    for wrong in (("--expires", "soon"), ("--expires", "0d"), ("--scope", "root")):
        assert run_program("keys", "create", "you", *wrong, **there).returncode == 2
