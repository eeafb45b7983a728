"""A newcomer's machine: a fresh copy of the project with what `make install` leaves in it, and terminals to type into.

Nothing is set that a reader does not set: a terminal is a bash that has read no file, in the copy's folder. All are in
a network of their own, where that is allowed: port 8000 is free there, and nobody else answers.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

DOCUMENTED_PORT = 8000
NETWORK = """
import fcntl, signal, socket, struct
with socket.socket() as probe:
    fcntl.ioctl(probe, 0x8914, struct.pack("16sh22x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
print("up", flush=True)
signal.pause()
"""
"""Brings loopback up, and keeps the network."""


def copy(source: Path, target: Path) -> None:
    """Copy the project as a clone has it, with changes that are not committed yet."""
    listed = ["git", "-C", source, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.run(listed, check=True, capture_output=True).stdout.decode().split("\0")):
        if (source / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)


def install(project: Path) -> None:
    """Make what `make install` leaves behind, without the download: the packages are those of this Python."""
    folder = project / ".venv"
    venv.create(folder, symlinks=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    packages = sysconfig.get_path("purelib")
    (site / "activation_lab.pth").write_text(f"{project}\nimport site; site.addsitedir({packages!r})\n")
    command = folder / "bin" / "activation-lab"
    command.write_text(f"#!{folder}/bin/python\nimport sys\nfrom stack.main import main\nsys.exit(main())\n")
    command.chmod(0o755)
    (folder / "installed").touch()


@contextmanager
def open_network() -> Iterator[list[str]]:
    """The words before a command that give it a network of its own; none where that cannot be made."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *user, "--net", sys.executable, "-c", NETWORK]
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        yield use_this_network()
        return
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as holder:
        assert holder.stdout is not None
        if holder.stdout.readline() == "up\n":
            entered = ["--user", "--preserve-credentials"] if user else []
            yield ["nsenter", f"--target={holder.pid}", "--net", *entered]
        else:
            yield use_this_network()
        holder.kill()


def use_this_network() -> list[str]:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", DOCUMENTED_PORT)) == 0:
            pytest.skip(f"no network can be made here, and port {DOCUMENTED_PORT} of this one is taken")
    return []


@dataclass(frozen=True, slots=True)
class Result:
    status: int
    stdout: str
    stderr: str


class Terminal:
    """A bash that has read no file, in the project's folder."""

    def __init__(self, project: Path, home: Path, network: Sequence[str]) -> None:
        home.mkdir(exist_ok=True)
        self._errors = home / f"stderr-{len([*home.iterdir()])}"
        with self._errors.open("w") as stderr:
            self._bash = subprocess.Popen(
                [*network, "bash", "--noprofile", "--norc"],
                cwd=project,
                env={"HOME": str(home), "PATH": os.defpath.replace("/bin:", "/usr/local/bin:/bin:"), "LANG": "C.UTF-8"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        self._answers = 0

    def type(self, text: str) -> Result:
        """Type it, and wait for the prompt. The status is that of the first command that failed."""
        self._answers += 1
        mark, errors_before = f"--- answer {self._answers}:", len(self._errors.read_text())
        self._send("trap 'FAILED=${FAILED:-$?}' ERR")
        self._send(text.rstrip())
        self._send(f"trap - ERR; echo; echo '{mark}' ${{FAILED:-0}}; unset FAILED")
        lines = []
        for line in self._output():
            if line.startswith(mark):
                stderr = self._errors.read_text()[errors_before:]
                return Result(int(line.removeprefix(mark)), "".join(lines).removesuffix("\n"), stderr)
            lines.append(line)
        raise AssertionError(f"the shell ended after {text!r}: {self._errors.read_text()[-2000:]}")

    def start(self, text: str, *, until: str) -> None:
        """Type a command that stays, and wait for the line."""
        self._send(text.rstrip())
        for line in self._output():
            if line.strip() == until:
                Thread(target=self._drain, daemon=True).start()
                return
        raise AssertionError(f"{text!r} ended: {self._errors.read_text()[-2000:]}")

    def close(self) -> None:
        """Ctrl-C, and the window is closed."""
        os.killpg(self._bash.pid, signal.SIGINT)
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.close()
        try:
            self._bash.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._bash.pid, signal.SIGKILL)
            self._bash.wait()
        self._bash.stdout.close()

    def _send(self, text: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(f"{text}\n")
        self._bash.stdin.flush()

    def _output(self) -> Iterator[str]:
        assert self._bash.stdout is not None
        return iter(self._bash.stdout.readline, "")

    def _drain(self) -> None:
        for _ in self._output():
            pass
