"""The cause of a child process's death, in one word that a client can act on."""

import re
import signal
from pathlib import Path

STALLED_STATUS = 70
"""The exit status of a child whose training has stalled."""

MEMORY_EVENTS = Path("/sys/fs/cgroup/memory.events")
BY_SIGNAL = {signal.SIGSEGV: "segfault", signal.SIGBUS: "segfault", signal.SIGKILL: "killed", signal.SIGTERM: "killed"}


class DeathCauses:
    """Names causes of death; the kernel's count of out-of-memory kills distinguishes those from other kills."""

    def __init__(self, memory_events: Path = MEMORY_EVENTS) -> None:
        self._memory_events = memory_events
        self._oom_kills = self.count_oom_kills()

    def name(self, message: str) -> str:
        """Name the cause in a WorkerLostError's message: segfault, killed, host_oom, stalled, or the message itself."""
        if match := re.search(r"signal (\d+)", message):
            return self.name_signal(int(match[1]))
        if match := re.search(r"exitcode (\d+)", message):
            return "stalled" if int(match[1]) == STALLED_STATUS else f"exited with status {match[1]}"
        return message

    def name_signal(self, number: int) -> str:
        before, self._oom_kills = self._oom_kills, self.count_oom_kills()
        if number == signal.SIGKILL and self._oom_kills > before:
            return "host_oom"
        return BY_SIGNAL.get(signal.Signals(number), signal.Signals(number).name)

    def count_oom_kills(self) -> int:
        """Count those of this control group (cgroup v2); 0 where there is none."""
        try:
            events = dict(line.split() for line in self._memory_events.read_text().splitlines())
        except OSError:
            return 0
        return int(events.get("oom_kill", 0))
