"""Over a real Valkey, and without one."""

import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from broker.hints import CeleryQueue
from jobs.errors import BrokerUnavailable
from stack.up import Valkey, free_port
from stack.up import valkey as start_valkey
from tests.support.disk import small_disk
from tests.support.waiting import wait_for


@pytest.fixture
def queue(valkey: Valkey) -> Iterator[CeleryQueue]:
    opened = CeleryQueue(valkey.url)
    yield opened
    opened.close()


def test_hints_wait_in_the_broker(queue: CeleryQueue) -> None:
    assert queue.send(["a", "b"]) == []
    assert queue.length() == 2


def test_predictions_wait_in_a_queue_of_their_own(queue: CeleryQueue) -> None:
    queue.send_prediction("a")
    assert queue.length() == 0, "no job waits behind them, and none is taken for sent"


def test_without_a_broker_a_prediction_is_no_error() -> None:
    queue = CeleryQueue(f"redis://127.0.0.1:{free_port()}/0")
    queue.send_prediction("a")
    queue.close()


def test_without_a_broker_every_hint_is_reported_unsent() -> None:
    queue = CeleryQueue(f"redis://127.0.0.1:{free_port()}/0")
    assert queue.send(["a", "b"]) == ["a", "b"]
    with pytest.raises(BrokerUnavailable):
        queue.length()
    queue.close()


def test_a_broker_on_a_full_disk_is_not_ready(tmp_path: Path) -> None:
    with small_disk(megabytes=4) as disk, (tmp_path / "log").open("w") as log:
        server = start_valkey(disk.folder, log)
        server.start()
        queue = CeleryQueue(server.url)
        wait_for(lambda: not refusal(queue), seconds=30)
        disk.fill()

        def refuses() -> bool:
            queue.send(["a" * 1000])
            return "takes no hints" in refusal(queue)

        wait_for(refuses, seconds=60)
        assert "No space left on device" in refusal(queue)
        disk.make_room()
        wait_for(lambda: not refusal(queue), seconds=60)
        queue.close()
        server.stop_by(monotonic())


def refusal(queue: CeleryQueue) -> str:
    try:
        queue.length()
    except BrokerUnavailable as error:
        return str(error)
    return ""


def test_a_broker_that_accepts_but_never_answers_is_given_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        queue = CeleryQueue(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        assert queue.send(["a"]) == ["a"]
        queue.close()


def test_hints_are_sent_again_after_the_broker_came_back(queue: CeleryQueue, valkey: Valkey) -> None:
    queue.send(["a"])
    assert valkey.process is not None
    valkey.process.kill()
    valkey.process.wait()
    assert queue.send(["b"]) == ["b"]
    valkey.start()
    unsent = ["b"]
    while unsent:
        unsent = queue.send(unsent)
