"""Clients of a job's stream that wait for the same event share one read of it."""

import asyncio
from collections.abc import Mapping
from threading import Event
from typing import Any

import pytest

from api.streams import poller, reader, sweep
from api.streams.batches import Stream, read_first
from api.streams.frames import EVENTS_AT_ONCE
from api.streams.poller import Awaited, EventPoller, Told
from api.streams.reader import EventReader, Frames
from db import jobs, sweep_events
from db.events import Newest
from db.session import Sessions
from jobs.sweep import SweepSpec
from tests.support.submitting import create_sweep


def test_clients_that_have_seen_the_same_share_a_read(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, all_wait = [], Event()

    def read(_: Sessions, job_id: str, seen: int) -> Frames:
        asked.append((job_id, seen))
        all_wait.wait(30)
        return seen + 1, []

    async def listen() -> list[Frames]:
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

    def read(_: Sessions, __: str, seen: int) -> Frames:
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


def test_clients_of_a_sweep_that_have_seen_the_same_share_a_read(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_id, job_ids = create_sweep(sessions, SweepSpec(activations=["relu", "gelu"]))
    reads = []
    list_members = sweep_events.list_members_of_stream

    def count(*asked: Any) -> Any:
        reads.append(asked)
        return list_members(*asked)

    async def listen_all(clients: int) -> list[list[str | None]]:
        shared, polling = EventReader(sessions), EventPoller(sessions)

        async def listen() -> list[str | None]:
            first = await shared.share(read_first, Stream("sweep_id", sweep_id), None, EVENTS_AT_ONCE)
            await everybody.wait()
            return [frame.event async for frame in sweep.stream(sweep_id, shared, polling, first)]

        everybody = asyncio.Barrier(clients + 1)
        listening = [asyncio.create_task(listen()) for _ in range(clients)]
        await everybody.wait()
        await asyncio.to_thread(cancel_all)
        return await asyncio.gather(*listening)

    def cancel_all() -> None:
        for job_id in job_ids:
            with sessions.begin() as session:
                jobs.request_cancel(session, job_id)

    monkeypatch.setattr(sweep_events, "list_members_of_stream", count)
    heard = asyncio.run(listen_all(40))
    assert heard == [["state", "state", "state", "end", "state", "end", "sweep_end"]] * 40
    assert len(reads) <= 1 + len(job_ids)


def test_the_poller_looks_once_for_all_who_wait_for_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    look_at = poller.look_at

    def count(found: Mapping[str, Newest], seen: Mapping[str, int], told: Mapping[str, Newest]) -> poller.Look:
        looks.append(seen)
        return look_at(found, seen, told)

    async def poll() -> list[bool]:
        loop = asyncio.get_running_loop()
        one, other = Awaited(("sweep", "1x512"), {"a": 1}), Awaited(("sweep", "2.1x511"), {"a": 2})
        listeners = {loop.create_future(): [(one, Told())] for _ in range(200)}
        listeners |= {loop.create_future(): [(other, Told())] for _ in range(200)}
        found = {"a": Newest(2, 0, 10, None, None)}
        for _ in range(2):
            poller.wake(listeners, found)
        return [listener.done() for listener in listeners]

    monkeypatch.setattr(poller, "look_at", count)
    assert asyncio.run(poll()) == [True] * 200 + [False] * 200
    assert len(looks) == 4, "two a poll"
