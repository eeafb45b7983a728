"""Why a child process died, in one word that a client can act on."""

import re
import signal
from pathlib import Path

STALLED_STATUS = 70
"""The exit status of a child that saw its own training stand still."""

MEMORY_EVENTS = Path("/sys/fs/cgroup/memory.events")
BY_SIGNAL = {signal.SIGSEGV: "segfault", signal.SIGBUS: "segfault", signal.SIGKILL: "killed", signal.SIGTERM: "killed"}


class Causes:
    """Tells a child that the kernel killed for memory from one that somebody killed, by the kernel's own count."""

    def __init__(self, memory_events: Path = MEMORY_EVENTS) -> None:
        self._memory_events = memory_events
        self._oom_kills = self._count_oom_kills()

    def name(self, message: str) -> str:
        """The cause that a WorkerLostError's message tells: segfault, killed, host_oom, stalled, or its own words."""
        if match := re.search(r"signal (\d+)", message):
            return self._name_signal(int(match[1]))
        if match := re.search(r"exitcode (\d+)", message):
            return "stalled" if int(match[1]) == STALLED_STATUS else f"exited with status {match[1]}"
        return message

    def _name_signal(self, number: int) -> str:
        before, self._oom_kills = self._oom_kills, self._count_oom_kills()
        if number == signal.SIGKILL and self._oom_kills > before:
            return "host_oom"
        return BY_SIGNAL.get(signal.Signals(number), signal.Signals(number).name)

    def _count_oom_kills(self) -> int:
        """Of this control group (cgroup v2); 0 where there is none to ask."""
        try:
            events = dict(line.split() for line in self._memory_events.read_text().splitlines())
        except OSError:
            return 0
        return int(events.get("oom_kill", 0))
