import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from starlette.testclient import TestClient

from api.main import create_app
from api.operation import job_counters
from db import leases, sweeps, workers
from jobs.errors import BrokerUnavailable, DatabaseUnavailable, Diverged
from jobs.sweep import SweepSpec, expand
from runtime.settings import Settings
from tests.support.fake_worker import FakeWorker
from tests.support.submitting import post_job

ABSENT = None


@dataclass(frozen=True)
class Scrape:
    text: str

    def __call__(self, name: str, **labels: str) -> float | None:
        """The value of the one sample with these labels and perhaps more; None where there is none."""
        found = [value for sample, given, value in self.samples() if sample == name and labels.items() <= given.items()]
        assert len(found) <= 1, found
        return found[0] if found else ABSENT

    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                yield sample.name, sample.labels, sample.value


@pytest.fixture
def scrape(client: TestClient) -> Any:
    def scraped() -> Scrape:
        response = client.get("/metrics")
        assert response.status_code == 200
        return Scrape(response.text)

    return scraped


def submit(client: TestClient, **spec: Any) -> str:
    return str(post_job(client, **{"epochs": 2, **spec})["id"])


def test_the_format_is_the_one_that_the_scraper_accepts(client: TestClient) -> None:
    plain = client.get("/metrics", headers={"Accept": "text/plain"})
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert list(text_string_to_metric_families(plain.text))
    accept = "application/openmetrics-text; version=1.0.0, text/plain; version=0.0.4; q=0.5"
    modern = client.get("/metrics", headers={"Accept": accept})
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("# EOF\n")
    assert list(parse_openmetrics(modern.text))


def test_names_follow_prometheus(scrape: Any) -> None:
    for family in text_string_to_metric_families(scrape().text):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        assert family.documentation
        ours = family.name.startswith("activation_lab_")
        assert ours or family.name.startswith(("process_", "python_"))
        if ours and family.type == "histogram":
            assert family.name.endswith("_seconds")


def test_a_request_is_counted_by_its_route_and_never_by_its_path(client: TestClient, scrape: Any) -> None:
    job_id = submit(client)
    for path in (f"/v1/jobs/{job_id}", "/v1/jobs/none", "/v1/nothing", "/anything", "/static/nothing.js", "/"):
        client.get(path)
    client.request("BREW", "/v1/jobs")
    found = scrape()
    declared = set(client.get("/openapi.json").json()["paths"])
    routes = {labels["route"] for name, labels, _ in found.samples() if name.startswith("activation_lab_http_request_")}
    assert "/v1/jobs/{job_id}" in routes
    assert routes <= declared | {"/", "/static", "unmatched"}
    count = "activation_lab_http_request_duration_seconds_count"
    assert found(count, method="GET", route="/v1/jobs/{job_id}", status="200") == 1
    assert found(count, method="GET", route="unmatched", status="404") == 2
    assert found(count, method="other", status="405") == 1


def test_a_bug_is_counted_as_the_500_that_it_is_answered_with(client: TestClient, app: FastAPI, scrape: Any) -> None:
    sessions, app.state.sessions = app.state.sessions, None
    client.get("/v1/jobs")
    app.state.sessions = sessions
    found = scrape()
    assert found("activation_lab_http_request_duration_seconds_count", route="/v1/jobs", status="500") == 1
    assert found("activation_lab_http_requests_in_flight") == 1, "the scrape itself"


def test_gauges_say_how_things_stand(client: TestClient, app: FastAPI, worker: FakeWorker, scrape: Any) -> None:
    first, _ = submit(client), submit(client)
    worker.claim(first)
    spec = SweepSpec.model_validate({"base": {"epochs": 1}, "activations": ["relu", "gelu"]})
    with app.state.sessions.begin() as session:
        workers.report(session, "worker/1", device="cpu", job_id=None)
        workers.report(session, "worker/2", device="cpu", job_id=first)
        sweeps.create(session, spec, expand(spec), max_unfinished=20, idempotency_key=None)
    found = scrape()
    assert found("activation_lab_jobs", state="queued") == 3
    assert found("activation_lab_jobs", state="running") == 1
    assert found("activation_lab_jobs", state="failed") == 0
    assert found("activation_lab_queue_due_jobs") == 3
    assert found("activation_lab_queue_hints") == 2
    assert found("activation_lab_sweeps_open") == 1
    assert found("activation_lab_predictions_waiting") == 0
    assert found("activation_lab_workers", state="idle", device="cpu") == 1
    assert found("activation_lab_workers", state="training") == 1


def test_the_oldest_due_job_says_how_long_the_queue_waits(client: TestClient, app: FastAPI, scrape: Any) -> None:
    assert scrape()("activation_lab_queue_oldest_wait_seconds") == 0
    submit(client)
    with app.state.sessions.begin() as session:
        an_hour_ago = session.execute(text("SELECT run_after FROM jobs")).scalar_one()
        ago = "datetime(run_after, '-1 hour')" if isinstance(an_hour_ago, str) else "run_after - interval '1 hour'"
        session.execute(text(f"UPDATE jobs SET run_after = {ago}"))
    assert 3600 <= scrape()("activation_lab_queue_oldest_wait_seconds") < 3660


def test_what_happens_between_two_scrapes_is_counted_once(client: TestClient, worker: FakeWorker, scrape: Any) -> None:
    before_the_first = submit(client)
    worker.record(worker.claim(before_the_first), 1)
    scrape()
    job_id = submit(client, activation="gelu")
    lease = worker.claim(job_id)
    worker.record(lease, 1)
    for _ in range(3):
        found = scrape()
        assert found("activation_lab_jobs_accepted_total") == 1
        assert found("activation_lab_epochs_recorded_total") == 1
        assert found("activation_lab_epoch_duration_seconds_count", activation="gelu") == 1
        assert found("activation_lab_epoch_duration_seconds_sum", activation="gelu") == 2.0
        assert found("activation_lab_job_queue_seconds_count") == 1
        assert found("activation_lab_jobs_ended_total", activation="gelu", state="succeeded") == 0
    worker.record(lease, 2)
    with worker.sessions.begin() as session:
        leases.fail(session, lease, Diverged())
    for _ in range(2):
        found = scrape()
        assert found("activation_lab_epochs_recorded_total") == 2
        assert found("activation_lab_jobs_ended_total", activation="gelu", state="failed") == 1
        assert found("activation_lab_job_failures_total", code="diverged") == 1
        assert found("activation_lab_job_duration_seconds_count", state="failed") == 1


def test_a_job_that_goes_on_for_long_is_started_once(
    client: TestClient, worker: FakeWorker, scrape: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_counters, "OVERLAP", timedelta(0))  # so that what was seen is soon forgotten
    scrape()
    lease = worker.claim(submit(client))
    for epoch in (1, 2):
        worker.record(lease, epoch)
        found = scrape()
        assert found("activation_lab_job_queue_seconds_count") == 1
        assert found("activation_lab_epochs_recorded_total") == epoch


def test_counters_never_fall_when_a_job_is_deleted(client: TestClient, worker: FakeWorker, scrape: Any) -> None:
    scrape()
    job_id = submit(client)
    lease = worker.claim(job_id)
    worker.record(lease, 1)
    worker.cancel(lease)
    before = scrape()
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    after = scrape()
    assert (before("activation_lab_jobs", state="cancelled"), after("activation_lab_jobs", state="cancelled")) == (1, 0)
    for name, labels, value in before.samples():
        if name.startswith("activation_lab_") and name.endswith(("_total", "_count")):
            assert after(name, **labels) >= value, name


def test_an_epoch_of_a_job_that_lost_its_worker_is_counted(client: TestClient, worker: FakeWorker, scrape: Any) -> None:
    scrape()
    lease = worker.claim(submit(client))
    worker.record(lease, 1)
    with worker.sessions.begin() as session:
        leases.release(session, lease, "the worker shuts down")
    assert scrape()("activation_lab_epochs_recorded_total") == 1


def test_an_open_stream_is_a_stream_and_no_slow_request(client: TestClient, scrape: Any) -> None:
    job_id = submit(client)
    with client.stream("GET", f"/v1/jobs/{job_id}/stream") as response:
        assert response.status_code == 200
        client.post(f"/v1/jobs/{job_id}/cancel")
        response.read()
    found = scrape()
    assert found("activation_lab_streams_open") == 0
    assert found("activation_lab_http_requests_in_flight") == 1, "the scrape itself"
    assert found("activation_lab_http_request_duration_seconds_count", route="/v1/jobs/{job_id}/stream") == 1


def test_a_broker_that_is_away_is_said_and_nothing_made_up(
    scrape: Any, hints: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> int:
        raise BrokerUnavailable

    monkeypatch.setattr(hints, "length", away)
    found = scrape()
    assert found("activation_lab_up", part="broker") == 0
    assert found("activation_lab_up", part="database") == 1
    assert found("activation_lab_queue_hints") is ABSENT


def test_without_database_and_broker_the_scrape_still_answers() -> None:
    settings = Settings(
        database_url="postgresql+psycopg://nobody:x@127.0.0.1:1/none",
        broker_url="redis://127.0.0.1:1/0",
        allowed_hosts="testserver",
    )
    with TestClient(create_app(settings)) as client:
        client.get("/v1/activations")
        response = client.get("/metrics")
    assert response.status_code == 200
    found = Scrape(response.text)
    assert found("activation_lab_up", part="database") == 0
    assert found("activation_lab_up", part="broker") == 0
    assert found("activation_lab_jobs", state="queued") is ABSENT
    assert found("activation_lab_http_request_duration_seconds_count", route="/v1/activations") == 1


def test_what_a_database_that_comes_back_missed_is_counted_then(
    client: TestClient, app: FastAPI, worker: FakeWorker, scrape: Any
) -> None:
    scrape()
    worker.record(worker.claim(submit(client)), 1)
    there, app.state.sessions = app.state.sessions, Away()
    assert scrape()("activation_lab_epochs_recorded_total") == 0
    app.state.sessions = there
    assert scrape()("activation_lab_epochs_recorded_total") == 1


class Away:
    def read(self) -> Any:
        raise DatabaseUnavailable
