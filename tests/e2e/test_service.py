"""A user's day: submit, watch, cancel, read, break things."""

import csv
import hashlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import psutil
import pytest

from tests.support.service import Service, service_on
from worker.prepare import choose_device, describe_device

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One stack for the tests that leave it as they found it."""
    with service_on(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.mark.quick
def test_a_job_is_trained_and_its_epochs_arrive_as_they_happen(service: Service) -> None:
    job_id = service.submit(activation="gelu", epochs=3)
    seen = []
    for event in service.events(job_id):
        seen.append((int(event.id), event.event))
        if event.event == "epoch" and event.json()["epoch"] == 1:
            assert service.job(job_id)["state"] == "running", "the first epoch is told before the job has ended"
    assert [kind for _, kind in seen] == ["state", "state", "epoch", "epoch", "epoch", "state", "end"]
    assert [seq for seq, _ in seen] == list(range(1, 8))
    job = service.job(job_id)
    assert (job["state"], job["error"]) == ("succeeded", None)
    assert job["environment"]["device"] == describe_device(choose_device("auto"))
    assert 0.1 < job["test"]["accuracy"] < 1
    rows = list(csv.DictReader(io.StringIO(service.http.get(f"/v1/jobs/{job_id}/history?format=csv").text)))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    layers = service.http.get(f"/v1/jobs/{job_id}/layers?epoch=3").json()["layers"]
    assert len(layers) == 4


def test_the_same_spec_trains_to_the_same_history_bit_for_bit(service: Service) -> None:
    first = service.submit(activation="selu", epochs=2, seed=7)
    service.ended(first)
    second = str(service.http.post(f"/v1/jobs/{first}/retry").json()["id"])
    other_seed = service.submit(activation="selu", epochs=2, seed=8)
    service.ended(second)
    service.ended(other_seed)
    assert service.history(first) == service.history(second)
    assert service.history(first) != service.history(other_seed)


def test_learnt_parameters_are_there_from_the_start_and_the_same_bit_for_bit_in_a_retry(service: Service) -> None:
    first = service.submit(activation="elu", epochs=2, trainable={"parameters": ["alpha"], "per": "channel"})
    service.ended(first)
    second = str(service.http.post(f"/v1/jobs/{first}/retry").json()["id"])
    service.ended(second)
    learnt, again = (service.http.get(f"/v1/jobs/{job}/parameters").json()["parameters"] for job in (first, second))
    assert learnt == again
    places = [(row["epoch"], row["layer"], row["parameter"]) for row in learnt]
    assert places == [(epoch, layer, "alpha") for epoch in range(3) for layer in ("conv1", "conv2", "dense1")]
    assert {(row["minimum"], row["mean"], row["maximum"]) for row in learnt if row["epoch"] == 0} == {(1.0, 1.0, 1.0)}
    assert all(row["minimum"] < row["mean"] < row["maximum"] for row in learnt if row["epoch"] > 0)


def test_a_running_job_is_cancelled_long_before_its_end(service: Service) -> None:
    job_id = service.submit(epochs=1000, train_samples=48_000, validation={"kind": "holdout"}, batch_size=8192)
    service.until(job_id, lambda job: job["state"] == "running")
    assert service.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 202
    assert service.ended(job_id, seconds=10)["state"] == "cancelled"
    assert service.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 202, "again changes nothing"


def test_a_job_that_diverges_fails_by_name_and_keeps_its_epochs(service: Service) -> None:
    wild = {"name": "sgd", "learning_rate": 1000.0}
    spec = {"activation": "leaky-relu", "optimizer": wild, "clip": None, "loss": "cross_entropy"}
    job = service.ended(service.submit(epochs=50, **spec))
    assert (job["state"], job["error"]["code"]) == ("failed", "diverged")
    assert len(service.history(job["id"])) == job["progress"]["epoch"]


def test_a_job_for_a_gpu_fails_by_name_where_there_is_none(service: Service) -> None:
    if any(worker["device"] != "cpu" for worker in service.http.get("/v1/workers").json()["data"]):
        pytest.skip("this machine has a GPU")
    job = service.ended(service.submit(device="cuda"))
    assert (job["state"], job["error"]["code"]) == ("failed", "device_unavailable")


def test_a_deleted_jobs_checkpoints_are_gone(service: Service) -> None:
    job_id = service.submit(epochs=1)
    service.ended(job_id)
    environment = service.part("worker").environ()
    folder = Path(environment["ACTIVATION_LAB_DATA_DIR"]) / "checkpoints" / job_id
    assert list(folder.glob("*.safetensors"))
    assert service.http.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert not folder.exists()


def test_a_second_stack_on_the_same_folder_is_refused(service: Service) -> None:
    folder = service.part("worker").environ()["ACTIVATION_LAB_DATA_DIR"]
    command = [sys.executable, "-m", "stack", "up", "--port", "0", "--data-dir", folder]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "another stack is running" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_that_is_taken_is_named(service: Service, tmp_path: Path) -> None:
    port = str(service.http.base_url.port)
    command = [sys.executable, "-m", "stack", "up", "--port", port, "--data-dir", str(tmp_path)]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert port in second.stderr
    assert "Traceback" not in second.stderr


@pytest.fixture(scope="module")
def reference(service: Service) -> list[tuple[object, ...]]:
    """The history that no crash may change."""
    job_id = service.submit(epochs=6)
    service.ended(job_id)
    return service.history(job_id)


def has_epoch(number: int) -> Callable[[Any], bool]:
    return lambda job: job["progress"]["epoch"] >= number


@pytest.mark.quick
def test_a_trainer_killed_in_the_middle_loses_and_doubles_nothing(service: Service, reference: list) -> None:
    job_id = service.submit(epochs=6)
    service.until(job_id, has_epoch(2))
    service.trainer().send_signal(signal.SIGSEGV)
    job = service.ended(job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert "worker lost: segfault" in [transition["reason"] for transition in job["transitions"]]
    assert service.history(job_id) == reference


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(service: Service, reference: list) -> None:
    job_id = service.submit(epochs=6)
    service.until(job_id, has_epoch(2))
    service.part("worker").kill()
    job = service.ended(job_id, seconds=50)  # long before its lease could have run out
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert service.history(job_id) == reference


def test_a_stream_goes_on_after_the_api_was_killed(service: Service) -> None:
    job_id = service.submit(epochs=12)
    seen: list[int] = []
    for _ in range(20):
        try:
            for event in service.events(job_id, after=seen[-1] if seen else 0):
                seen.append(int(event.id))
                if len(seen) == 5:
                    service.part(" api").kill()
        except httpx.TransportError:
            sleep(0.5)
        if service.job(job_id)["finished_at"] and seen[-1] == 16:
            break
    assert seen == list(range(1, 17)), "queued, running, 12 epochs, succeeded, end"


def test_a_stream_cut_five_times_a_second_tells_every_event_once(service: Service) -> None:
    job_id = service.submit(epochs=12)
    seen: list[int] = []
    while len(seen) < 16:
        deadline = monotonic() + 0.2
        for event in service.events(job_id, after=seen[-1] if seen else 0):
            seen.append(int(event.id))
            if monotonic() > deadline:
                break
    assert seen == list(range(1, 17))


def test_a_job_predicts_while_it_trains_and_afterwards_and_its_history_is_the_same(
    service: Service, reference: list
) -> None:
    job_id = service.submit(epochs=6)
    predict = partial(service.http.post, f"/v1/jobs/{job_id}/predict", json={"image": [[0] * 28] * 28})
    assert predict().json()["code"] == "no_checkpoint"
    service.until(job_id, has_epoch(1))
    answers = [predict()]
    while service.job(job_id)["finished_at"] is None:
        answers.append(predict())
    answers.append(predict())
    assert {answer.status_code for answer in answers} == {200}
    epochs = [answer.json()["epoch"] for answer in answers]
    assert epochs == sorted(epochs)
    assert (epochs[0] < 6, epochs[-1]) == (True, 6)
    last = answers[-1].json()
    assert last["digit"] == last["probabilities"].index(max(last["probabilities"]))
    assert service.history(job_id) == reference


def test_a_broker_that_was_killed_loses_no_job(service: Service) -> None:
    service.part("valkey").kill()
    job_id = service.submit(epochs=1)
    assert service.ended(job_id)["state"] == "succeeded"


def gone(family: list[psutil.Process]) -> bool:
    """Within moments: the system tells a child of its parent's death, and the child then ends.

    A zombie has ended; a container without an init process leaves it in the table.
    """
    deadline = monotonic() + 10
    while any(map(alive, family)) and monotonic() < deadline:
        sleep(0.1)
    return not any(map(alive, family))


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_stack_killed_outright_leaves_nothing_behind_and_the_next_carries_on(tmp_path: Path, reference: list) -> None:
    with service_on(tmp_path) as service:
        job_id = service.submit(epochs=6)
        waiting = service.submit(epochs=1)
        service.until(job_id, has_epoch(2))
        family = service.family()
        service.process.kill()
        assert gone(family)
    with service_on(tmp_path) as service:
        assert service.ended(job_id)["state"] == "succeeded"
        assert service.history(job_id) == reference
        assert service.ended(waiting)["state"] == "succeeded"


def test_a_stack_told_to_stop_gives_its_job_back_and_the_next_carries_on(tmp_path: Path, reference: list) -> None:
    with service_on(tmp_path) as service:
        job_id = service.submit(epochs=6)
        service.until(job_id, has_epoch(2))
        family = service.family()
    assert service.process.returncode == 0
    assert gone(family)
    with service_on(tmp_path) as service:
        job = service.ended(job_id)
        assert (job["state"], job["attempt"]) == ("succeeded", 2)
        assert "the worker shuts down" in [transition["reason"] for transition in job["transitions"]]
        assert service.history(job_id) == reference


def test_a_moved_data_folder_of_any_name_keeps_its_jobs_and_their_checkpoints(tmp_path: Path) -> None:
    here, there = tmp_path / '50%25 "here"#?', tmp_path / "50% there;\n"
    with service_on(here) as service:
        job_id = service.submit(epochs=2)
        service.ended(job_id)
    assert [path.name for path in tmp_path.iterdir()] == [here.name], "all of it lies in the folder"
    here.rename(there)
    with service_on(there) as service:
        image = [[0] * 28] * 28
        answer = service.http.post(f"/v1/jobs/{job_id}/predict", json={"image": image})
        assert (answer.status_code, answer.json()["epoch"]) == (200, 2), answer.text
        file = service.http.get(f"/v1/jobs/{job_id}/checkpoints/2")
        [newest, _] = service.http.get(f"/v1/jobs/{job_id}/checkpoints").json()["checkpoints"]
        assert hashlib.sha256(file.content).hexdigest() == newest["sha256"]
        assert service.http.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert [*tmp_path.rglob("*.safetensors")] == []


def test_ctrl_c_stops_the_stack_without_a_traceback(tmp_path: Path) -> None:
    with service_on(tmp_path) as service:
        os.kill(service.process.pid, signal.SIGINT)
        assert service.process.wait(15) == 0


def test_two_jobs_are_trained_at_once_by_two_workers(tmp_path: Path) -> None:
    with service_on(tmp_path, "--workers", "2") as service:
        first, second = (service.submit(epochs=8) for _ in range(2))
        service.until(first, has_epoch(1))
        service.until(second, has_epoch(1))
        assert service.job(first)["finished_at"] is None, "both are in training"
        assert service.ended(first)["environment"] == service.ended(second)["environment"]


def test_event_numbers_have_no_gap_after_all_this(service: Service) -> None:
    cursor, jobs = "", []
    while cursor is not None:
        page = service.http.get("/v1/jobs", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        jobs += page["data"]
        cursor = page["next_cursor"]
    assert len(jobs) >= 10
    for job in jobs:
        numbers = [int(event.id) for event in service.events(job["id"])]
        assert numbers[0] == 1
        assert all(after == before + 1 for before, after in pairwise(numbers))
