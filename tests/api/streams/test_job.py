from concurrent.futures import ThreadPoolExecutor
from threading import Event, Timer
from time import sleep
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from api.streams import job, reader
from jobs.metrics import LayerMetrics
from tests.support.fake_worker import FakeWorker
from tests.support.sse import parse_events
from tests.support.submitting import post_job


def events(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    return [(int(number), kind, data) for number, kind, data in parse_events(text)]


@pytest.fixture
def ended(client: TestClient, worker: FakeWorker) -> str:
    job_id = post_job(client, epochs=3)["id"]
    lease = worker.claim(job_id)
    worker.record(lease, 1)
    worker.record(lease, 2)
    worker.cancel(lease)
    return f"/v1/jobs/{job_id}/stream"


def test_a_stream_sends_every_event_in_order_and_ends(client: TestClient, ended: str) -> None:
    response = client.get(ended)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert [(seq, kind) for seq, kind, _ in events(response.text)] == [
        (1, "state"),
        (2, "state"),
        (3, "epoch"),
        (4, "epoch"),
        (5, "state"),
        (6, "end"),
    ]


def test_an_epoch_event_is_the_row_of_the_history(client: TestClient, ended: str) -> None:
    row = client.get(ended.replace("stream", "history")).json()["epochs"][0]
    assert events(client.get(ended).text)[2][2] == row


@pytest.mark.parametrize("seen", range(6))
def test_a_reconnect_gets_what_was_missed(client: TestClient, ended: str, seen: int) -> None:
    by_header = client.get(ended, headers={"Last-Event-ID": str(seen)})
    assert [seq for seq, _, _ in events(by_header.text)] == list(range(seen + 1, 7))
    assert client.get(f"{ended}?after={seen}").text == by_header.text


def test_after_the_end_a_reconnect_gets_no_content(client: TestClient, ended: str) -> None:
    response = client.get(ended, headers={"Last-Event-ID": "6"})
    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("seen", ["7", "999999999"])
def test_after_an_event_that_is_not_there_a_client_starts_over(client: TestClient, ended: str, seen: str) -> None:
    whole = events(client.get(ended).text)
    by_header = client.get(ended, headers={"Last-Event-ID": seen})
    (seq, kind, data), *rest = events(by_header.text)
    assert (seq, kind) == (0, "reset")
    assert data == {"reason": f"there is no event {seen} of this job, the last is 6"}
    assert rest == whole
    assert client.get(f"{ended}?after={seen}").text == by_header.text
    assert events(client.get(ended, headers={"Last-Event-ID": str(seq)}).text) == whole


def test_a_job_in_training_too_lets_its_client_start_over(client: TestClient, worker: FakeWorker) -> None:
    job_id = post_job(client, epochs=3)["id"]
    lease = worker.claim(job_id)
    training = Timer(0.5, lambda: (worker.record(lease, 1), worker.cancel(lease)))
    training.start()
    kinds = [kind for _, kind, _ in events(client.get(f"/v1/jobs/{job_id}/stream?after=99").text)]
    training.join()
    assert kinds == ["reset", "state", "state", "epoch", "state", "end"]


def test_an_older_state_of_the_database_resets_a_stream_that_is_open(
    client: TestClient, app: FastAPI, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = post_job(client, epochs=3)["id"]
    lease = worker.claim(job_id)
    worker.record(lease, 1)
    told, reset = Event(), Event()
    monkeypatch.setattr(reader, "make_frame", noting(reader.make_frame, told))
    monkeypatch.setattr(job, "make_reset", noting(job.make_reset, reset))

    def restore() -> None:
        assert told.wait(60)
        with app.state.sessions.begin() as session:
            session.execute(text("DELETE FROM events WHERE seq = 3"))
            session.execute(text("DELETE FROM epochs"))
            session.execute(text("UPDATE jobs SET event_seq = 2, epochs_done = 0"))
        assert reset.wait(60)
        worker.cancel(lease)

    with ThreadPoolExecutor(1) as pool:
        restored = pool.submit(restore)
        kinds = [kind for _, kind, _ in events(client.get(f"/v1/jobs/{job_id}/stream").text)]
        restored.result()
    assert kinds == ["state", "state", "epoch", "reset", "state", "state", "state", "end"]


def noting(call: Any, called: Event) -> Any:
    def noted(*arguments: Any, **options: Any) -> Any:
        called.set()
        return call(*arguments, **options)

    return noted


@pytest.mark.parametrize("seen", ["x", "-1", "1.5", "²"])
def test_an_event_id_that_is_none_is_refused(client: TestClient, ended: str, seen: str) -> None:
    response = client.get(ended, headers={"Last-Event-ID": seen.encode()})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/Last-Event-ID")


def conv2(epoch: int, *, dead_fraction: float) -> list[LayerMetrics]:
    return [LayerMetrics(epoch, "conv2", 0.0, 0.0, 0.0, 0.0, 1.0, dead_fraction, 1.0, 0.0)]


def test_a_diagnosis_comes_with_its_evidence_and_stays_on_the_job(client: TestClient, worker: FakeWorker) -> None:
    job_id = post_job(client, epochs=3)["id"]
    lease = worker.claim(job_id)
    worker.record(lease, 1, layers=conv2(1, dead_fraction=1.0))
    worker.record(lease, 2, layers=conv2(2, dead_fraction=0.0))
    worker.cancel(lease)
    told = events(client.get(f"/v1/jobs/{job_id}/stream").text)
    assert [kind for _, kind, _ in told] == ["state", "state", "epoch", "diagnosis", "epoch", "state", "end"]
    diagnosis = told[3][2]
    assert diagnosis.pop("at").endswith("Z")
    assert diagnosis == {
        "code": "dead_units",
        "layer": "conv2",
        "epoch": 1,
        "message": "dead units in conv2: 100% get no gradient from any image (limit 25%)",
        "evidence": {"dead_fraction": 1.0},
        "thresholds": {"dead_fraction": 0.25},
    }
    on_the_job = client.get(f"/v1/jobs/{job_id}").json()["diagnoses"]
    assert on_the_job == [{**diagnosis, "until_epoch": 1, "non_finite": None}]


def test_a_stream_waits_for_what_is_still_to_come(client: TestClient, worker: FakeWorker) -> None:
    job_id = post_job(client, epochs=3)["id"]

    def train() -> None:
        lease = worker.claim(job_id)
        worker.record(lease, 1)
        worker.cancel(lease)

    training = Timer(0.5, train)
    training.start()
    kinds = [kind for _, kind, _ in events(client.get(f"/v1/jobs/{job_id}/stream").text)]
    training.join()
    assert kinds == ["state", "state", "epoch", "state", "end"]


def test_many_streams_of_many_jobs_all_get_their_events(client: TestClient) -> None:
    ids = [post_job(client)["id"] for _ in range(3)]
    with ThreadPoolExecutor(12) as pool:
        streams = [pool.submit(client.get, f"/v1/jobs/{job_id}/stream") for job_id in ids * 4]
        sleep(0.5)
        for job_id in ids:
            client.post(f"/v1/jobs/{job_id}/cancel")
        assert all([kind for _, kind, _ in events(job.result().text)][-1] == "end" for job in streams)


def test_the_stream_of_a_deleted_job_ends(client: TestClient, app: FastAPI) -> None:
    job_id = post_job(client)["id"]

    def delete() -> None:
        with app.state.sessions.begin() as session:
            session.execute(text("DELETE FROM jobs"))

    deleted = Timer(0.5, delete)
    deleted.start()
    assert [kind for _, kind, _ in events(client.get(f"/v1/jobs/{job_id}/stream").text)] == ["state"]
    deleted.join()
