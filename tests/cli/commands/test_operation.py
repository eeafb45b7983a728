import json

from db import workers
from tests.support.recorded_runs import Lab, Service


def test_workers_are_listed(lab: Lab, service: Service):
    with service.sessions.begin() as session:
        workers.report(session, "worker/1", device="cpu", job_id=None)
    assert lab("workers").stdout.splitlines()[1].startswith("worker/1\tidle\tcpu\t\t")
    assert json.loads(lab("workers", "--json").stdout)["id"] == "worker/1"
