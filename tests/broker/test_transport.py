"""Messages that anyone may write to the broker: a worker refuses them, and takes the next hint."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from kombu import Connection, Consumer, Queue
from kombu.message import Message

from broker.app import PREDICT, QUEUE, TRAIN, create_consumer
from broker.hints import CeleryHintQueue
from stack.valkey import Valkey

JOB = "0193b5c2-0000-7000-8000-000000000000"
OTHER = "0193b5c2-0000-7000-8000-000000000001"


@pytest.fixture
def sent(valkey: Valkey) -> dict[str, Any]:
    """A hint as it is sent, taken from the broker again."""
    hints, client = CeleryHintQueue(valkey.url), redis.Redis.from_url(valkey.url, decode_responses=True)
    assert hints.send([OTHER]) == []
    message: dict[str, Any] = json.loads(str(client.rpop(QUEUE)))
    hints.close()
    client.close()
    return message


@pytest.fixture
def connection(valkey: Valkey) -> Iterator[Connection]:
    """The connection of a worker."""
    with create_consumer(valkey.url, include=[]).connection() as opened:
        yield opened


def encode(body: object) -> str:
    return b64encode(json.dumps(body).encode()).decode()


def change(sent: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({**sent, **fields}).encode()


def change_headers(sent: dict[str, Any], **fields: Any) -> bytes:
    return change(sent, headers={**sent["headers"], **fields})


REST = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
NO_HINTS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "empty": lambda _: b"",
    "no JSON": lambda _: b"{",
    "no UTF-8": lambda _: b"\xff",
    "a number": lambda _: b"1",
    "a list": lambda _: b"[]",
    "an empty object": lambda _: b"{}",
    "no properties": lambda sent: change(sent, properties=None),
    "no headers": lambda sent: change(sent, headers=None),
    "headers that are a text": lambda sent: change(sent, headers="x"),
    "an unknown task": lambda sent: change_headers(sent, task="os.system"),
    "a task that is a list": lambda sent: change_headers(sent, task=["x"]),
    "no id of the message": lambda sent: change_headers(sent, id=None),
    "a bad time limit": lambda sent: change_headers(sent, timelimit=["x", "y"]),
    "a time limit": lambda sent: change_headers(sent, timelimit=[1, 1]),
    "a bad time to start": lambda sent: change_headers(sent, eta="tomorrow"),
    "a bad time to expire": lambda sent: change_headers(sent, expires={}),
    "an empty body": lambda sent: change(sent, body=""),
    "a body that is no base64": lambda sent: change(sent, body="?"),
    "a pickle": lambda sent: change(sent, **{"content-type": "application/x-python-serialize"}),
    "an unknown encoding": lambda sent: change(sent, **{"content-encoding": "x"}),
    "a dict for an id": lambda sent: change(sent, body=encode([[{"a": 1}], {}, REST])),
    "a text that is no id": lambda sent: change(sent, body=encode([["../../x"], {}, REST])),
    "no id": lambda sent: change(sent, body=encode([[], {}, REST])),
    "two ids": lambda sent: change(sent, body=encode([[JOB, JOB], {}, REST])),
    "a named argument": lambda sent: change(sent, body=encode([[JOB], {"x": 1}, REST])),
    "a task to follow": lambda sent: change(sent, body=encode([[JOB], {}, {**REST, "chain": [{"task": "x"}]}])),
    "a number for a body": lambda sent: change(sent, body=encode(1)),
}


@pytest.mark.parametrize("kind", NO_HINTS)
def test_what_is_no_hint_is_refused_and_the_next_is_taken(
    kind: str, sent: dict[str, Any], valkey: Valkey, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    client, hints = redis.Redis.from_url(valkey.url), CeleryHintQueue(valkey.url)
    client.lpush(QUEUE, NO_HINTS[kind](sent))
    hints.send([JOB])
    taken: list[Any] = []

    def take(message: Message) -> None:
        taken.append(message.payload[0][0])
        message.ack()

    with Consumer(connection, queues=[Queue(QUEUE)], on_message=take, accept=["json"]):
        while not taken:
            connection.drain_events(timeout=10)
    assert taken == [JOB]
    assert client.llen(QUEUE) == 0
    assert client.hlen("unacked") == 0, "it does not come again"
    assert [record.levelname for record in caplog.records if record.name == "broker.transport"] == ["ERROR"]
    client.close()
    hints.close()


@pytest.mark.parametrize("task", [TRAIN, PREDICT])
def test_both_hints_are_taken(task: str, sent: dict[str, Any], valkey: Valkey, connection: Connection) -> None:
    client = redis.Redis.from_url(valkey.url)
    client.lpush(QUEUE, change_headers(sent, task=task, traceparent="00-1-1-01"))
    taken: list[Message] = []
    with Consumer(connection, queues=[Queue(QUEUE)], on_message=taken.append, accept=["json"]):
        while not taken:
            connection.drain_events(timeout=10)
    assert taken[0].payload[0] == [OTHER]
    taken[0].ack()
    client.close()
