"""`make bench`: our figures, each from one run on this machine, with the machine's name on top."""

import os
import platform

from bench import latency, page, propagation, resume, startup, training


def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    startup.main()
    page.main()
    propagation.main()
    latency.main()
    training.main()
    resume.main()


if __name__ == "__main__":  # spawned processes import this module too
    main()
