"""Progress within an epoch, on the streams of a job, of a sweep and of several."""

from collections.abc import Callable
from operator import itemgetter
from threading import Thread
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.streams import job, poller, several, sweep
from tests.support.fake_worker import FakeWorker
from tests.support.sse import Events, parse_events
from tests.support.submitting import list_job_ids, post_job, post_pair
from tests.support.waiting import wait_for

WITHIN = {"images": 4200, "images_total": 6000, "images_per_second": 650.0}


class Polls:
    """Counts the looks of the one poll of all streams, which looks while there is a stream."""

    def __init__(self) -> None:
        self.count = 0

    def wait_for_one(self) -> None:
        """Wait for the end of a look that begins after now: the next that ends may have begun before."""
        before = self.count
        wait_for(lambda: self.count >= before + 2, seconds=60)


@pytest.fixture
def polls(monkeypatch: pytest.MonkeyPatch) -> Polls:
    counted, wake = Polls(), poller.wake

    def count(*arguments: Any) -> None:
        wake(*arguments)
        counted.count += 1

    monkeypatch.setattr(poller, "wake", count)
    return counted


class Told:
    """Counts the messages of progress that streams have made: after a look of the poll, each in its own time."""

    def __init__(self) -> None:
        self.count = 0

    def wait_for(self, count: int) -> None:
        wait_for(lambda: self.count >= count, seconds=60)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    counted, make_progress = Told(), job.make_progress

    def count(*arguments: Any, **names: Any) -> Any:
        message = make_progress(*arguments, **names)
        counted.count += 1
        return message

    for module in (job, sweep, several):
        monkeypatch.setattr(module, "make_progress", count)
    return counted


def read_while(work: Callable[[], None], client: TestClient, path: str) -> Events:
    """Read a stream to its end while a worker works."""
    working = Thread(target=work)
    working.start()
    found = parse_events(client.get(path).text)
    working.join()
    return found


def test_a_stream_sends_progress_without_an_id_whenever_it_changed(
    client: TestClient, worker: FakeWorker, polls: Polls, told: Told
) -> None:
    job_id = post_job(client, epochs=2)["id"]

    def train() -> None:
        lease = worker.claim(job_id)
        for images, messages in ((4200, 1), (4200, 1), (5000, 2)):
            worker.report(lease, images=images)
            polls.wait_for_one()
            told.wait_for(messages)
        worker.cancel(lease)

    found = read_while(train, client, f"/v1/jobs/{job_id}/stream")
    assert [(number, kind) for number, kind, _ in found] == [
        ("1", "state"),
        ("2", "state"),
        ("", "progress"),
        ("", "progress"),
        ("3", "state"),
        ("4", "end"),
    ]
    first, second = found[2][2], found[3][2]
    assert first == {"epoch": 0, "epochs": 2, "fraction": 0.25, **WITHIN, "eta_seconds": 18.0}
    assert second["images"] == 5000


def test_progress_costs_no_read_of_events(
    client: TestClient, worker: FakeWorker, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the one poll of all streams sees it."""
    job_id, reads = post_job(client, epochs=2)["id"], []
    lease = worker.claim(job_id)
    read = poller.events.read

    def count(*arguments: Any, **options: Any) -> Any:
        reads.append(arguments)
        return read(*arguments, **options)

    def train() -> None:
        for images in range(1, 5):
            worker.report(lease, images=images)
            told.wait_for(images)
        worker.cancel(lease)

    monkeypatch.setattr(poller.events, "read", count)
    found = read_while(train, client, f"/v1/jobs/{job_id}/stream")
    assert [kind for _, kind, _ in found].count("progress") == 4
    assert len(reads) == 2, "at the start and for the end"


def test_a_client_that_comes_back_is_told_where_the_epoch_is_now(
    client: TestClient, worker: FakeWorker, told: Told
) -> None:
    job_id = post_job(client, epochs=2)["id"]
    lease = worker.claim(job_id)
    for images in (1, 2, 3):
        worker.report(lease, images=images)

    def end() -> None:
        told.wait_for(1)
        worker.cancel(lease)

    found = read_while(end, client, f"/v1/jobs/{job_id}/stream?after=2")
    assert [data["images"] for _, kind, data in found if kind == "progress"] == [3]


def test_an_epoch_that_was_recorded_has_no_progress_left(client: TestClient, worker: FakeWorker, polls: Polls) -> None:
    job_id = post_job(client, epochs=2)["id"]
    lease = worker.claim(job_id)
    worker.report(lease)
    worker.record(lease)

    def end() -> None:
        polls.wait_for_one()
        worker.cancel(lease)

    found = read_while(end, client, f"/v1/jobs/{job_id}/stream")
    assert "progress" not in [kind for _, kind, _ in found]


def test_the_stream_of_a_sweep_names_the_job_that_progresses(
    client: TestClient, worker: FakeWorker, told: Told
) -> None:
    sweep = post_pair(client)
    first, second = list_job_ids(sweep)
    client.post(f"/v1/jobs/{first}/cancel")

    def train() -> None:
        lease = worker.claim(second)
        worker.report(lease)
        told.wait_for(1)
        worker.cancel(lease)

    found = read_while(train, client, f"/v1/sweeps/{sweep['id']}/stream")
    progress = [(number, data) for number, kind, data in found if kind == "progress"]
    assert [(number, data["job_id"], data["activation"], data["images"]) for number, data in progress] == [
        ("", second, "gelu", 4200)
    ]


def test_several_streams_have_the_progress_of_each_of_their_jobs(
    client: TestClient, worker: FakeWorker, told: Told
) -> None:
    sweep = post_pair(client, activations=["relu"])
    (job_id,) = list_job_ids(sweep)

    def train() -> None:
        lease = worker.claim(job_id)
        worker.report(lease)
        told.wait_for(2)
        worker.cancel(lease)

    found = read_while(train, client, f"/v1/stream?jobs={job_id}&sweeps={sweep['id']}")
    of_job, of_sweep = sorted((data for _, kind, data in found if kind == "progress"), key=itemgetter("stream"))
    assert {**WITHIN, "stream": 0, "job_id": job_id}.items() <= of_job.items()
    assert {**WITHIN, "stream": 1, "sweep_id": sweep["id"], "job_id": job_id, "activation": "relu"}.items() <= (
        of_sweep.items()
    )
