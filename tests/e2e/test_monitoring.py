"""Log lines, traces and metrics of one job on the real stack."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.service import Service, service_on
from tests.support.waiting import wait_for

OF_OTHERS = re.compile(r"[0-9]+:[MC] |\[.*SpawnPoolWorker")  # Valkey and billiard write a few lines as they always do
DARK = [[0] * 28 for _ in range(28)]


@dataclass
class Collector:
    """Takes traces over OTLP/HTTP, as an OpenTelemetry collector does."""

    url: str = ""
    spans: list[dict[str, Any]] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = attributes(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [
                    {
                        "service": service,
                        "name": span.name,
                        "trace": span.trace_id.hex(),
                        "id": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "seconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                        **attributes(span.attributes),
                    }
                    for span in scope.spans
                ]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [span for span in self.spans if span["name"] == name]


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            made.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield made
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Done:
    """A job of two epochs that succeeded, and a prediction of it."""

    service: Service
    data_dir: Path
    job_id: str
    lines: Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def done(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    data_dir = tmp_path_factory.mktemp("monitoring")
    with service_on(data_dir, log_format="json", otlp_endpoint=collector.url) as service:
        service.http.get("/metrics").raise_for_status()
        service.http.headers["X-Request-ID"] = "the-submit"
        job_id = service.submit(epochs=2)
        service.http.headers["X-Request-ID"] = "another"
        assert service.ended(job_id)["state"] == "succeeded"
        answer = service.http.post(f"/v1/jobs/{job_id}/predict", json={"image": DARK}).raise_for_status()
        assert "digit" in answer.json()

        def lines() -> list[dict[str, Any]]:
            written = (data_dir / "stack.log").read_text().splitlines()
            return [json.loads(line) for line in written if not OF_OTHERS.match(line)]

        yield Done(service, data_dir, job_id, lines)


def test_every_line_of_every_process_is_an_object(done: Done) -> None:
    for line in done.lines():
        assert {"timestamp", "level", "event", "logger"} <= set(line)


def test_the_ids_lead_from_the_request_to_the_training(done: Done) -> None:
    (accepted,) = [line for line in done.lines() if line["event"] == "job accepted"]
    assert (accepted["request_id"], accepted["job_id"]) == ("the-submit", done.job_id)
    (access,) = [line for line in done.lines() if line.get("request_id") == "the-submit" and "route" in line]
    assert (access["route"], access["status"], access["trace_id"]) == ("/v1/jobs", 202, accepted["trace_id"])
    (started,) = [line for line in done.lines() if line["event"] == "job started"]
    (ended,) = [line for line in done.lines() if line["event"] == "attempt ended"]
    for line in (started, ended):
        assert (line["job_id"], line["attempt"]) == (done.job_id, 1)
        assert line["worker"].startswith("worker-")
    assert ended["how"] == "succeed"
    assert started["trace_id"] == accepted["trace_id"]


def test_no_password_is_in_the_log(done: Done) -> None:
    password = done.service.part("worker").environ()["ACTIVATION_LAB_BROKER_URL"].split(":")[2].split("@")[0]
    assert len(password) > 20
    assert password not in (done.data_dir / "stack.log").read_text()


def test_a_jobs_trace_leads_from_the_request_to_each_epoch(done: Done, collector: Collector) -> None:
    wait_for(lambda: bool(collector.named("train job") and collector.named("POST /v1/jobs")), seconds=20)
    (posted,), (trained,) = collector.named("POST /v1/jobs"), collector.named("train job")
    assert (posted["service"], trained["service"]) == ("activation-lab-api", "activation-lab-worker")
    assert trained["parent"] == posted["id"]
    assert (trained["job_id"], trained["attempt"], trained["activation"]) == (done.job_id, 1, "relu")
    epochs = collector.named("train epoch")
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    assert {epoch["parent"] for epoch in epochs} == {trained["id"]}
    assert all(0 < epoch["seconds"] < trained["seconds"] for epoch in epochs)
    assert {posted["trace"]} == {span["trace"] for span in (posted, trained, *epochs)}


def test_a_prediction_is_traced_to_the_worker_too(collector: Collector, done: Done) -> None:
    name = "POST /v1/jobs/{job_id}/predict"
    wait_for(lambda: bool(collector.named("predict") and collector.named(name)), seconds=20)
    assert collector.named("predict")[0]["parent"] == collector.named(name)[0]["id"], done.job_id


def test_statements_are_spans_of_the_request_without_their_parameters(collector: Collector, done: Done) -> None:
    wait_for(lambda: bool(collector.named("POST /v1/jobs") and collector.named("INSERT")), seconds=20)
    (posted,) = collector.named("POST /v1/jobs")
    inserts = [span for span in collector.named("INSERT") if span["trace"] == posted["trace"]]
    assert any("INTO jobs" in span["db.query.text"] for span in inserts)
    assert all(done.job_id not in str(span["db.query.text"]) for span in collector.spans if "db.query.text" in span)
    orphans = [span for span in collector.spans if "db.query.text" in span and not span["parent"]]
    assert orphans == [], "what the reconciler asks now and then is no trace"


def test_probes_are_not_traced(collector: Collector, done: Done) -> None:
    done.service.http.get("/healthz").raise_for_status()
    assert not [span for span in collector.spans if span["name"].startswith(("GET /healthz", "GET /readyz"))]


def test_the_metrics_count_the_job(done: Done) -> None:
    families = text_string_to_metric_families(done.service.http.get("/metrics").text)
    found = {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}
    assert found["activation_lab_up", "database"] == found["activation_lab_up", "broker"] == 1
    assert found["activation_lab_jobs_accepted_total",] == 1
    assert found["activation_lab_jobs_ended_total", "relu", "succeeded"] == 1
    assert found["activation_lab_epochs_recorded_total",] == 2
    assert found["activation_lab_job_queue_seconds_count",] == 1
    assert found["activation_lab_job_duration_seconds_count", "succeeded"] == 1
    assert found["activation_lab_workers", "cpu", "idle"] == 1


def test_a_stream_counts_while_it_is_open(done: Done) -> None:
    waiting = done.service.submit(epochs=1000)
    with done.service.http.stream("GET", f"/v1/jobs/{waiting}/stream"):
        assert "\nactivation_lab_streams_open 1.0\n" in done.service.http.get("/metrics").text
    done.service.http.post(f"/v1/jobs/{waiting}/cancel").raise_for_status()
    wait_for(lambda: "\nactivation_lab_streams_open 0.0\n" in done.service.http.get("/metrics").text, seconds=20)
