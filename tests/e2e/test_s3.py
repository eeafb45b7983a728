"""Checkpoints in an object store, seen from outside."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from storage import files
from tests.support.service import service_on

pytestmark = pytest.mark.timeout(600)


def test_a_killed_trainers_job_goes_on_from_its_checkpoint_in_s3(s3_server: Any, s3_url: str, tmp_path: Path) -> None:
    with service_on(tmp_path, checkpoints_url=s3_url) as service:
        job_id = service.submit(epochs=1000)
        service.until(job_id, lambda job: job["progress"]["epoch"] >= 1)
        service.trainer().kill()
        committed = service.job(job_id)["progress"]["epoch"]
        service.until(job_id, lambda job: job["progress"]["epoch"] > committed)
        assert service.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 202
        assert service.ended(job_id)["attempt"] == 2
        [loaded] = re.findall(rf"GET \S+/{job_id}/epoch-(\d+)-attempt-1.safetensors HTTP", s3_server.log.read_text())
        assert int(loaded) == committed

        newest, *_ = service.http.get(f"/v1/jobs/{job_id}/checkpoints").json()["checkpoints"]
        assert newest["attempt"] == 2
        file = f"/v1/jobs/{job_id}/checkpoints/{newest['epoch']}"
        whole = service.http.get(file)
        assert hashlib.sha256(whole.content).hexdigest() == newest["sha256"]
        assert whole.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(bytes.fromhex(newest['sha256'])).decode()}:"
        part = service.http.get(file, headers={"Range": "bytes=1000-1999"})
        assert (part.status_code, part.content) == (206, whole.content[1000:2000])

        assert service.http.delete(f"/v1/jobs/{job_id}").status_code == 204
        assert files.get_filesystem("s3").find(s3_url) == []
        assert not list(tmp_path.rglob("*.safetensors")), "nothing of it was kept on this machine"
