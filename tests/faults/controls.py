"""Negative controls: each guard of the protocol taken out of a copy of the code, whose tests then have to go red."""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "data", "__pycache__", "demo-output", "*.egg-info")
TESTS_FAILED = 1  # pytest's exit status; another one would be a broken control


@dataclass(frozen=True, slots=True)
class Guard:
    promise: str
    file: str
    code: str
    without: str
    tests: tuple[str, str]
    """A file or folder of tests, and the expression that selects those that have to notice."""

    def stands_in(self, project: Path) -> bool:
        """Whether the code is found, and once."""
        return (project / self.file).read_text().count(self.code) == 1

    def goes_red_without(self, copy: Path) -> bool:
        """Run the tests on a copy of the project without this guard."""
        shutil.copytree(PROJECT, copy, ignore=LEFT_OUT)
        (copy / "data").symlink_to(PROJECT / "data")
        path = copy / self.file
        path.write_text(path.read_text().replace(self.code, self.without))
        where, which = self.tests
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", where, "-k", which]
        ran = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        if ran.returncode not in {0, TESTS_FAILED}:
            raise RuntimeError(f"{self.promise}: the control is broken\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
        return ran.returncode == TESTS_FAILED


RACES = "tests/faults/test_races.py"
JOB_TESTS, LEASE_TESTS, QUEUE_TESTS = "tests/db/test_jobs.py", "tests/db/test_leases.py", "tests/db/test_queue.py"
ATTEMPT_TESTS, HEARTBEAT_TESTS = "tests/worker/test_attempt.py", "tests/worker/test_heartbeat.py"
RECONCILER_TESTS, E2E = "tests/broker/test_reconciler.py", "tests/e2e"

GUARDS = (
    Guard(
        "a job is claimed once, however often its hint comes",
        "db/leases.py",
        "Job.id == job_id, Job.state == JobState.QUEUED,",
        "Job.id == job_id,",
        (RACES, "same_hint"),
    ),
    Guard(
        "a job waits out its backoff",
        "db/leases.py",
        "queue.is_due(), Job.cancel_requested_at",
        "Job.cancel_requested_at",
        (LEASE_TESTS, "before_its_time"),
    ),
    Guard(
        "an attempt writes nothing once there is a later one",
        "db/leases.py",
        "        JOBS.c.attempt == lease.attempt,\n        JOBS.c.lease_owner == lease.owner,\n",
        "",
        ("tests/faults/test_workers_that_die.py", "slept and sqlite"),
    ),
    Guard(
        "nor does one of the same process",
        "db/leases.py",
        "        JOBS.c.attempt == lease.attempt,\n",
        "",
        (LEASE_TESTS, "zombie"),
    ),
    Guard(
        "epochs are recorded in order, once",
        "db/leases.py",
        '.where(*HELD, JOBS.c.epochs_done == NEW["epoch"] - 1)',
        ".where(*HELD)",
        (LEASE_TESTS, "lost_answer or skipped"),
    ),
    Guard(
        "what learnt parameters start from is recorded once",
        "db/leases.py",
        "if parameters and not session.scalar(select(started)):",
        "if parameters and lease:",
        ("tests/db/test_learnt_parameters.py", "start_is_recorded_once"),
    ),
    Guard(
        "an epoch whose commit was not answered is not an error",
        "db/leases.py",
        "    if recorded is None or recorded.attempt != lease.attempt:",
        "    if recorded is not None or lease:",
        (LEASE_TESTS, "lost_answer"),
    ),
    Guard(
        "a successor's epoch is not taken for one's own",
        "db/leases.py",
        "    if recorded is None or recorded.attempt != lease.attempt:",
        "    if recorded is None:",
        (LEASE_TESTS, "zombie"),
    ),
    Guard(
        "a diagnosis is told once as long as it holds",
        "jobs/diagnosis.py",
        'for key, record in holding.items() if key not in before or before[key]["until_epoch"]}',
        "for key, record in holding.items()}",
        ("tests/db/test_diagnoses.py", "told_once"),
    ),
    Guard(
        "a prediction that goes wrong ends no training",
        "worker/predictor.py",
        "        except Exception:\n",
        "        except EOFError:\n",
        ("tests/worker/test_predictor.py", "goes_wrong and sqlite"),
    ),
    Guard(
        "a prediction request is taken by one process at a time",
        "db/predictions.py",
        "        or_(Prediction.taken_at.is_(None), is_abandoned(future)),\n",
        "",
        ("tests/db/test_predictions.py", "taken_once"),
    ),
    Guard(
        "a job succeeds with all its epochs only",
        "db/leases.py",
        "guard = [Job.epochs_done == Job.epochs_total] if state == JobState.SUCCEEDED else []",
        "guard: list[ColumnElement[bool]] = []",
        (LEASE_TESTS, "epochs_missing"),
    ),
    Guard(
        "a live lease is left alone",
        "db/queue.py",
        "lost = Job.lease_expires_at < now() if owned_by",
        "lost = Job.id.is_not(None) if owned_by",
        (QUEUE_TESTS, "live_lease"),
    ),
    Guard(
        "a job that always crashes is given up",
        "db/queue.py",
        "MAX_CRASHES_WITHOUT_PROGRESS = 3",
        "MAX_CRASHES_WITHOUT_PROGRESS = 3000",
        (QUEUE_TESTS, "three_crashes"),
    ),
    Guard(
        "a crash is taken back once",
        "db/leases.py",
        "if lost is None or job.state in TERMINAL:",
        "if job.state in TERMINAL:",
        ("tests/db/test_lost_leases.py", "comes_back"),
    ),
    Guard(
        "a job cancelled while its worker was lost is not trained again",
        "db/transitions.py",
        "    if job.cancel_requested_at is not None:\n        end(",
        "    if job.cancel_requested_at is not None and not job:\n        end(",
        (QUEUE_TESTS, "lost_job"),
    ),
    Guard(
        "a cancel and a claim see each other",
        "db/jobs.py",
        "session.get(Job, job_id, with_for_update=True)",
        "session.get(Job, job_id)",
        (RACES, "claim and postgres"),
    ),
    Guard(
        "a quota holds against simultaneous requests",
        "db/new_jobs.py",
        '        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": QUOTA_LOCK})',
        "        pass",
        (JOB_TESTS, "quota_of_ten"),
    ),
    Guard(
        "one idempotency key makes one job",
        "db/jobs.py",
        "                idempotency.remember(session, request, job_id=job.id)\n",
        "                pass\n",
        (JOB_TESTS, "one_key"),
    ),
    Guard(
        "a SQLite transaction that reads first can write later",
        "db/session.py",
        'else "BEGIN IMMEDIATE"',
        'else "BEGIN"',
        ("tests/db/test_turns.py", "reads_first"),
    ),
    Guard(
        "a checkpoint is there whole or not at all",
        "storage/files.py",
        'partial = path.with_name(f".{path.name}.partial")',
        "partial = path",
        ("tests/storage/test_files.py", "durable"),
    ),
    Guard(
        "a checkpoint's bytes are on the disk before its name is",
        "storage/files.py",
        "        os.fsync(file.fileno())\n",
        "",
        ("tests/storage/test_files.py", "durable"),
    ),
    Guard(
        "a damaged checkpoint is not trained from",
        "storage/checkpoints.py",
        "if len(content) != checkpoint.size_bytes or hashlib.sha256(content).hexdigest() != checkpoint.sha256:",
        "if not content:",
        ("tests/worker/test_checkpoint.py", "damaged"),
    ),
    Guard(
        "two attempts never write the same file",
        "worker/checkpoint.py",
        "epoch-{epoch:04}-attempt-{attempt}.safetensors",
        "epoch-{epoch:04}.safetensors",
        ("tests/worker/test_checkpoint.py", "files_of_their_own"),
    ),
    Guard(
        "a resumed optimizer is the one that was interrupted",
        "worker/training/train.py",
        '        optimizers.restore(self.optimizer, self.network, select_prefixed("optimizer.", tensors))\n',
        "",
        ("tests/worker/training/test_train.py", "resumed"),
    ),
    Guard(
        "a lease is renewed as long as the job is trained",
        "worker/heartbeat.py",
        "            leases.heartbeat(session, self._lease, lease_seconds=self._lease_seconds, progress=progress)\n",
        "            del session\n",
        (HEARTBEAT_TESTS, "renews"),
    ),
    Guard(
        "a training that hangs is ended",
        "worker/heartbeat.py",
        "            self.exit_when_stalled()\n            try:\n",
        "            try:\n",
        (HEARTBEAT_TESTS, "stalled"),
    ),
    Guard(
        "an outage is not taken for a hang",
        "worker/heartbeat.py",
        "                self._stall_watch.restart()  # waiting for the database is not stalling\n",
        "",
        (HEARTBEAT_TESTS, "not_stalling"),
    ),
    Guard(
        "a worker told to stop gives its job back",
        "worker/heartbeat.py",
        "            raise Draining\n",
        "            return\n",
        (ATTEMPT_TESTS, "draining"),
    ),
    Guard(
        "an epoch trained in an outage is kept",
        "worker/journal.py",
        "            return\n        try:\n",
        "            self._entries.clear()\n            return\n        try:\n",
        ("tests/worker/test_journal.py", "goes_on_while"),
    ),
    Guard(
        "a worker that is lost loses its job",
        "broker/reconciler.py",
        "    if not grace:\n",
        "    if not sessions:\n",
        (RECONCILER_TESTS, "lost_workers"),
    ),
    Guard(
        "after an outage no job is taken before its worker could renew its lease",
        "broker/reconciler.py",
        "grace = monotonic() < self._grace_until",
        "grace = False",
        (RECONCILER_TESTS, "after_an_outage"),
    ),
    Guard(
        "a lost hint is sent again",
        "broker/reconciler.py",
        "        predictions.delete_expired(session)\n    send_lost_hints(sessions, hints)\n",
        "        predictions.delete_expired(session)\n    del hints\n",
        (RECONCILER_TESTS, "sent_again"),
    ),
    Guard(
        "a worker's parent releases the job of a child that died",
        "worker/main.py",
        '                if not is_alive(int(owner.rpartition("/")[2])):\n',
        "                if not owner:\n",
        (E2E, "trainer_killed"),
    ),
    Guard(
        "a worker that starts again releases the jobs it had before",
        "worker/main.py",
        "        release_previous_jobs(sessions, name)\n",
        "",
        (E2E, "worker_killed"),
    ),
)


def main() -> None:
    """Print the table of docs/faults.md; exit status 1 when a guard can be removed unnoticed."""
    unnoticed = 0
    print("| guard | removed from | the tests went |\n| --- | --- | --- |")
    for guard in GUARDS:
        with tempfile.TemporaryDirectory(prefix="activation-lab-control-") as folder:
            red = guard.goes_red_without(Path(folder) / "copy")
        unnoticed += not red
        print(f"| {guard.promise} | `{guard.file}` | {'red' if red else '**green**'} |", flush=True)
    sys.exit(unnoticed > 0)


if __name__ == "__main__":
    main()
