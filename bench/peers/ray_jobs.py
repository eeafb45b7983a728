"""Ray Jobs: for each line of input, the seconds from submitting a job to its first line of code."""

import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import ray
from ray.job_submission import JobSubmissionClient

FIRST_LINE = "import pathlib, time; pathlib.Path({path!r}).write_text(repr(time.time()))"
POLL_SECONDS = 0.02


def main() -> None:
    with redirect_stdout(sys.stderr), TemporaryDirectory() as folder:
        context = ray.init(include_dashboard=True, dashboard_host="127.0.0.1", num_cpus=2)
        client = JobSubmissionClient(f"http://{context.dashboard_url}")
        for number, _ in enumerate(sys.stdin):
            print(measure(client, Path(folder) / str(number)), file=sys.__stdout__, flush=True)


def measure(client: JobSubmissionClient, path: Path) -> float:
    submitted = time.time()
    code = FIRST_LINE.format(path=str(path))
    client.submit_job(entrypoint=f'"{sys.executable}" -c "{code}"')
    while not (path.exists() and path.stat().st_size):
        time.sleep(POLL_SECONDS)
    return float(path.read_text()) - submitted


if __name__ == "__main__":
    main()
