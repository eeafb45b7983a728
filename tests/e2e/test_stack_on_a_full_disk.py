"""The stack on a disk that is full, and on one that has room again."""

from pathlib import Path

import pytest

from tests.support.disk import small_disk
from tests.support.service import QUICK, Service, start
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(600)


def test_a_full_disk_is_named_everywhere_and_costs_no_job(tmp_path: Path) -> None:
    told = tmp_path / "stderr"
    with small_disk(megabytes=100) as disk, told.open("w") as stderr:
        service = start(disk.folder / "lab", stderr=stderr)
        job_id = service.submit(epochs=1000)
        service.until(job_id, lambda job: job["progress"]["epoch"] >= 1)

        disk.fill()
        wait_for(lambda: refused(service) == (507, "disk_full"), seconds=60)
        ready = service.http.get("/readyz")
        assert (ready.status_code, "disk of the database is full" in ready.text) == (503, True)
        wait_for(lambda: "is full; nothing can be stored" in told.read_text(), seconds=60)

        disk.make_room()
        wait_for(lambda: service.http.get("/readyz").status_code == 200, seconds=60)
        epoch = service.job(job_id)["progress"]["epoch"]
        goes_on = service.until(job_id, lambda job: job["progress"]["epoch"] > epoch)
        assert goes_on["attempt"] == 1, "the worker waited with what it had trained"
        service.http.post(f"/v1/jobs/{job_id}/cancel")
        assert service.ended(service.submit(epochs=1))["state"] == "succeeded"
        service.stop()
    assert "has room again" in told.read_text()
    assert "Traceback" not in told.read_text()


def refused(service: Service) -> tuple[int, str | None]:
    answer = service.http.post("/v1/jobs", json={"activation": "relu", **QUICK, "metadata": {"note": "x" * 500}})
    return answer.status_code, answer.json().get("code")
