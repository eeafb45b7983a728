"""Over a real Valkey, and without one."""

import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from broker.hints import CeleryHintQueue
from jobs.errors import BrokerUnavailable
from stack.listening import find_free_port
from stack.valkey import Valkey, make_valkey
from tests.support.disk import small_disk
from tests.support.waiting import wait_for


@pytest.fixture
def hints(valkey: Valkey) -> Iterator[CeleryHintQueue]:
    opened = CeleryHintQueue(valkey.url)
    yield opened
    opened.close()


def test_hints_wait_in_the_broker(hints: CeleryHintQueue) -> None:
    assert hints.send(["a", "b"]) == []
    assert hints.length() == 2


def test_predictions_wait_in_a_queue_of_their_own(hints: CeleryHintQueue) -> None:
    hints.send_prediction("a")
    assert hints.length() == 0, "no job waits behind them, and none is taken for sent"


def test_without_a_broker_a_prediction_is_no_error() -> None:
    hints = CeleryHintQueue(f"redis://127.0.0.1:{find_free_port()}/0")
    hints.send_prediction("a")
    hints.close()


def test_without_a_broker_every_hint_is_reported_unsent() -> None:
    hints = CeleryHintQueue(f"redis://127.0.0.1:{find_free_port()}/0")
    assert hints.send(["a", "b"]) == ["a", "b"]
    with pytest.raises(BrokerUnavailable):
        hints.length()
    hints.close()


def test_a_broker_on_a_full_disk_is_not_ready(tmp_path: Path) -> None:
    with small_disk(megabytes=4) as disk, (tmp_path / "log").open("w") as log:
        server = make_valkey(disk.folder, log)
        server.start()
        hints = CeleryHintQueue(server.url)
        wait_for(lambda: not refusal(hints), seconds=30)
        disk.fill()

        def refuses() -> bool:
            hints.send(["a" * 1000])
            return "takes no hints" in refusal(hints)

        wait_for(refuses, seconds=60)
        assert "No space left on device" in refusal(hints)
        disk.make_room()
        wait_for(lambda: not refusal(hints), seconds=60)
        hints.close()
        server.stop_by(monotonic())


def refusal(hints: CeleryHintQueue) -> str:
    try:
        hints.length()
    except BrokerUnavailable as error:
        return str(error)
    return ""


def test_a_broker_that_accepts_but_never_answers_is_given_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hints = CeleryHintQueue(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        assert hints.send(["a"]) == ["a"]
        hints.close()


def test_hints_are_sent_again_after_the_broker_came_back(hints: CeleryHintQueue, valkey: Valkey) -> None:
    hints.send(["a"])
    assert valkey.process is not None
    valkey.process.kill()
    valkey.process.wait()
    assert hints.send(["b"]) == ["b"]
    valkey.start()
    unsent = ["b"]
    while unsent:
        unsent = hints.send(unsent)
