"""Clients of a job's stream that wait for the same event share one read of it."""

import asyncio
from threading import Event

import pytest

from api.streams import reader
from api.streams.reader import Batch, EventReader
from db.session import Sessions


def test_clients_that_have_seen_the_same_share_a_read(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, all_wait = [], Event()

    def read(_: Sessions, job_id: str, seen: int) -> Batch:
        asked.append((job_id, seen))
        all_wait.wait(30)
        return seen + 1, []

    async def listen() -> list[Batch]:
        shared = EventReader(sessions)
        clients = [asyncio.create_task(shared.read_next("a", 3)) for _ in range(50)]
        clients += [asyncio.create_task(shared.read_next("a", 4)), asyncio.create_task(shared.read_next("b", 3))]
        await asyncio.sleep(0)  # each has asked
        clients.pop(0).cancel()  # and one has left
        all_wait.set()
        return await asyncio.gather(*clients)

    monkeypatch.setattr(reader, "read_next_frames", read)
    batches = asyncio.run(listen())
    assert sorted(asked) == [("a", 3), ("a", 4), ("b", 3)]
    assert [newest for newest, _ in batches] == [4] * 49 + [5, 4]


def test_streams_read_by_a_few_connections(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, most = 0, 0

    def read(_: Sessions, __: str, seen: int) -> Batch:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        pause.wait(0.02)
        reading -= 1
        return seen, []

    async def listen() -> None:
        shared = EventReader(sessions)
        await asyncio.gather(*(shared.read_next(f"job {number}", 0) for number in range(40)))

    pause = Event()
    monkeypatch.setattr(reader, "read_next_frames", read)
    asyncio.run(listen())
    assert most <= reader.READERS.total_tokens < 40
