import base64
import hashlib
from collections.abc import Callable, Mapping

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from starlette.testclient import TestClient

from db.checkpoints import CheckpointFile
from db.models import Checkpoint
from stack.listening import find_free_port
from storage import files
from tests.support.fake_worker import FakeWorker
from tests.support.submitting import post_job

CONTENT = bytes(range(100))


@pytest.fixture
def stored(checkpoints_url: str) -> str:
    """The URL of the checkpoints, which has none yet."""
    return checkpoints_url


@pytest.fixture
def url(client: TestClient, worker: FakeWorker, app: FastAPI, stored: str, request: pytest.FixtureRequest) -> str:
    """Of the checkpoints of a job that has one, after its first epoch."""
    lease = worker.claim(post_job(client)["id"])
    app.state.settings = app.state.settings.model_copy(update={"checkpoints_url": stored})
    if "nobody" not in request.fixturenames:
        files.write(f"{stored}/{lease.job_id}/file", CONTENT)
    saved = CheckpointFile(1, 1, f"{lease.job_id}/file", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    worker.record(lease, 1, checkpoint=saved)
    return f"/v1/jobs/{lease.job_id}/checkpoints"


def locate(url: str, stored: str) -> str:
    """Locate the file of the job whose checkpoints have this URL in the API."""
    return f"{stored}/{url.split('/')[3]}/file"


def test_checkpoints_are_listed(client: TestClient, url: str) -> None:
    [found] = client.get(url).json()["checkpoints"]
    assert (found["epoch"], found["attempt"], found["size_bytes"]) == (1, 1, 100)
    assert found["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_a_checkpoint_is_downloaded_with_its_digest(client: TestClient, url: str) -> None:
    response = client.get(f"{url}/1")
    assert (response.status_code, response.content) == (200, CONTENT)
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert response.headers["Repr-Digest"] == f"sha-256=:{digest}:"


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("0-9", CONTENT[:10]),
        ("90-", CONTENT[90:]),
        ("-10", CONTENT[90:]),
        ("90-500", CONTENT[90:]),
        ("99-99", CONTENT[99:]),
    ],
)
def test_a_part_of_a_checkpoint_is_downloaded(client: TestClient, url: str, wanted: str, part: bytes) -> None:
    response = client.get(f"{url}/1", headers={"Range": f"bytes={wanted}"})
    assert (response.status_code, response.content) == (206, part)
    start = CONTENT.index(part)
    assert response.headers["Content-Range"] == f"bytes {start}-{start + len(part) - 1}/100"


@pytest.mark.parametrize("wanted", ["bytes=", "bytes=-", "items=0-1", "bytes=0-1,5-6", "bytes=0-99", "bytes=-500"])
def test_a_range_that_is_none_or_all_is_the_whole(client: TestClient, url: str, wanted: str) -> None:
    response = client.get(f"{url}/1", headers={"Range": wanted})
    assert (response.status_code, response.content) == (200, CONTENT)


@pytest.mark.parametrize("wanted", ["100-", "5-4", "-0"])
def test_a_part_that_does_not_exist_is_refused(client: TestClient, url: str, wanted: str) -> None:
    response = client.get(f"{url}/1", headers={"Range": f"bytes={wanted}"})
    assert (response.status_code, response.json()["code"]) == (416, "range_not_satisfiable")
    assert response.headers["Content-Range"] == "bytes */100"


def test_an_epoch_without_a_checkpoint_and_a_file_that_is_gone_are_not_found(
    client: TestClient, url: str, stored: str
) -> None:
    assert client.get(f"{url}/2").json()["code"] == "checkpoint_not_found"
    files.delete(locate(url, stored))
    response = client.get(f"{url}/1")
    assert (response.status_code, response.json()["code"]) == (404, "checkpoint_not_found")


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../../secret", "job/../../secret", "%2e%2e/secret", "file:///etc/passwd", "of-another-job/file"],
)
def test_a_row_cannot_lead_out_of_the_folder_of_its_job(
    client: TestClient, app: FastAPI, url: str, stored: str, path: str
) -> None:
    files.write(stored.replace("/checkpoints", "/secret"), CONTENT)
    files.write(f"{stored}/of-another-job/file", CONTENT)
    with app.state.sessions.begin() as session:
        session.execute(update(Checkpoint).values(path=path))
    response = client.get(f"{url}/1")
    assert (response.status_code, response.json()["code"]) == (404, "checkpoint_not_found")


@pytest.mark.parametrize("found", [CONTENT[:-1], CONTENT + b"x", CONTENT[:50] + b"x" + CONTENT[51:], b""])
@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}])
def test_a_damaged_checkpoint_is_not_sent(
    client: TestClient, url: str, stored: str, found: bytes, headers: dict[str, str]
) -> None:
    assert client.get(f"{url}/1", headers=headers).is_success
    files.write(locate(url, stored), found)
    response = client.get(f"{url}/1", headers=headers)
    assert (response.status_code, response.json()["code"]) == (409, "checkpoint_damaged")


@pytest.mark.parametrize("checkpoints_url", ["file"], indirect=True)
def test_a_checkpoint_is_read_twice_only_after_it_was_written_again(
    client: TestClient, url: str, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    open_chunks = files.open_chunks
    monkeypatch.setattr(files, "open_chunks", lambda url, *part: opened.append(url) or open_chunks(url, *part))
    for _ in range(3):
        assert client.get(f"{url}/1").content == CONTENT
    assert len(opened) == 1 + 3
    files.write(locate(url, stored), CONTENT)
    assert client.get(f"{url}/1").content == CONTENT
    assert len(opened) == 1 + 3 + 2


def test_a_large_checkpoint_is_sent_in_chunks(file_url: str) -> None:
    files.write(f"{file_url}/large", CONTENT * 3_000)
    chunks = list(files.open_chunks(f"{file_url}/large", 10, 290_010))
    assert [len(chunk) for chunk in chunks] == [2**17, 2**17, 290_000 - 2**18]
    assert b"".join(chunks) == (CONTENT * 3_000)[10:290_010]


@pytest.fixture
def nobody(aws: Callable[[Mapping[str, str]], None]) -> None:
    """S3 is where nobody listens."""
    aws({"AWS_ENDPOINT_URL": f"http://127.0.0.1:{find_free_port()}", "AWS_MAX_ATTEMPTS": "1"})


@pytest.mark.usefixtures("nobody")
class TestStorageThatIsAway:
    @pytest.fixture
    def stored(self) -> str:
        return "s3://bucket"

    def test_a_download_must_be_retried_later(self, client: TestClient, url: str) -> None:
        response = client.get(f"{url}/1")
        assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
        assert response.headers["Retry-After"]

    def test_a_job_is_not_deleted_without_its_files(self, client: TestClient, app: FastAPI, worker: FakeWorker) -> None:
        app.state.settings = app.state.settings.model_copy(update={"checkpoints_url": "s3://bucket"})
        job_id = post_job(client)["id"]
        worker.cancel(worker.claim(job_id))
        response = client.delete(f"/v1/jobs/{job_id}")
        assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
        assert client.get(f"/v1/jobs/{job_id}").status_code == 200
