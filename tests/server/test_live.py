"""The hub and what it reads, on a log without any server: what is large, what fails, what comes at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.job_events import checkpoint, completed, dispatched, job_id, run_of, start_job
from tests.support.waiting import TIMEOUT

from perdure.server.web.live import tick
from perdure.server.web.live.blocks import Blocks
from perdure.server.web.live.channel import Channel
from perdure.server.web.live.hub import Hub, Selection
from perdure.server.web.live.owners import Owners
from perdure.server.web.live.reading import BLOCK_BYTES, JOB_BLOCK, LOG_BLOCK, Block, block_reader, log_block
from perdure.server.web.live.selection import JobSelection, ListSelection, LogSelection, Sight
from perdure.server.web.live.tick import Channels, Ticks
from perdure.server.web.live.watcher import Watcher
from perdure.store import JobQuery, StoredEvent, StoreFailed
from perdure.store.events import INLINE_LIMIT, job_stream
from perdure.store.lifecycle import Status
from perdure.store.memory_store import MemoryEventStore

ALL: Final = Sight(None, None, access=True)
LOG: Final = LogSelection(ALL, frozenset(), None, None, bodies=True)
LIST: Final = ListSelection(ALL, frozenset(), None, None, None, None, None)
STATE: Final = b'"%s"' % (b"s" * (INLINE_LIMIT - 100))
LARGE: Final = 12  # checkpoints: some blocks


def job_selection(number: int = 1, *types: str) -> JobSelection:
    return JobSelection(job_stream(job_id(number)), frozenset(types), bodies=True)


class Failing(MemoryEventStore):
    """Fails when the log is read, as often as it is told to, and counts what is counted."""

    failures = 0
    counted = 0

    def read_all(self, **wanted: Any) -> Iterator[StoredEvent]:
        if self.failures:
            self.failures -= 1
            raise StoreFailed(Path("log"), "it is a test")
        return super().read_all(**wanted)

    def count_jobs(self, query: JobQuery | None = None) -> dict[Status, int]:
        self.counted += 1
        return super().count_jobs(query)


@pytest.fixture
def store() -> Failing:
    return Failing()


@asynccontextmanager
async def hub_on(store: MemoryEventStore) -> AsyncIterator[Hub]:
    hub = Hub(store)
    try:
        yield hub
    finally:
        hub.close()
        await asyncio.to_thread(hub.join_thread)


async def watched(hub: Hub, selection: Selection, cursor: int | None, wanted: bytes) -> bytes:
    """What is sent to somebody who watches, up to what is wanted, or to the end."""
    watcher = Watcher(hub, selection, cursor, lambda: True)
    sent = b""

    async def send(data: bytes, count: int) -> None:
        nonlocal sent
        sent += data
        if wanted in sent:
            watcher.end()

    try:
        await watcher.prepare()
        async with asyncio.timeout(TIMEOUT):
            await watcher.run(send)
    finally:
        watcher.leave()
    return sent


def ids(sent: bytes) -> list[int]:
    return [int(line[4:]) for line in sent.splitlines() if line.startswith(b"id: ")]


# --- what is large ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selection", [LOG, job_selection()], ids=["log", "job"])
@pytest.mark.parametrize("cursor", [0, 1, 5, LARGE + 1])
def test_a_block_that_would_be_large_is_cut_and_nothing_is_missed(
    store: Failing, selection: LogSelection | JobSelection, cursor: int
) -> None:
    start_job(store, 1, [checkpoint(call, STATE) for call in range(1, LARGE + 1)])
    found: list[int] = []
    cut = False
    while True:
        _, read = block_reader(store, selection, Owners(store).of, cursor, cut=cut)
        block = read()
        found += [number for number, _ in block.messages if number > cursor]
        assert block.size < BLOCK_BYTES + 2 * INLINE_LIMIT
        assert block.full == block.cut
        cursor, cut = max(cursor, block.last), block.cut
        if block.complete:
            break
    last = LARGE + 2
    assert found == list(range(last - len(found) + 1, last + 1))
    assert cursor == last


@pytest.mark.parametrize("cursor", [0, 3, 9])
def test_watchers_are_sent_all_of_what_is_large(store: Failing, cursor: int) -> None:
    start_job(store, 1, [*(checkpoint(call, STATE) for call in range(1, LARGE + 1)), completed()])
    last = LARGE + 3

    async def main() -> None:
        async with hub_on(store) as hub:
            of_log, of_job = await asyncio.gather(
                watched(hub, LOG, cursor, b"id: %d\n" % last), watched(hub, job_selection(), cursor, b"event: end\n")
            )
        assert ids(of_log) == list(range(cursor + 1, last + 1))
        assert ids(of_job) == [*range(cursor + 1, last + 1), last]  # and the job, at its end

    asyncio.run(main())


def test_a_block_without_messages_takes_memory_too(store: Failing) -> None:
    for number in range(1, 4):
        start_job(store, number, run_of(LOG_BLOCK // 2))
    block = log_block(store, LogSelection(ALL, frozenset({"failed"}), None, None, bodies=False), Owners(store).of, 0)
    assert (block.messages, block.full, block.cut) == ([], True, False)
    assert block.size > 0


def test_as_much_is_kept_as_there_is_room_for() -> None:
    async def main() -> None:
        blocks = Blocks()
        empty = Block([], JOB_BLOCK, full=True, complete=False)
        try:
            for first in range(200):
                await blocks.get((LOG, first), lambda: empty)
            assert blocks.kept_bytes == 200 * empty.size
        finally:
            blocks.close()
            blocks.join()

    asyncio.run(main())


def test_a_tick_tells_no_more_than_a_part(store: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 4 * len(STATE)
    monkeypatch.setattr(tick, "TICK_BYTES", most)
    start_job(store, 1, [checkpoint(call, STATE) for call in range(1, LARGE + 1)])
    ticks, channel = Ticks(store, Owners(store)), Channel(0)
    seen, pieces = 0, []
    while seen < store.position():
        publications, told = ticks.of_events(Channels(logs={LOG: channel}), seen, store.position())
        assert seen < told
        assert sum(len(piece.data) for one in publications for piece in one.pieces) < 4 * most  # as JSON it is more
        for one in publications:
            channel.publish(one.pieces)
        pieces += [piece for one in publications for piece in one.pieces]
        seen = told
    assert sum(piece.count for piece in pieces) == store.position()
    assert [piece.before for piece in pieces] == [0, *(piece.after for piece in pieces[:-1])]


# --- what fails ------------------------------------------------------------------------------------------------------


def test_streams_end_when_the_log_cannot_be_followed_and_can_be_asked_for_again(
    store: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with hub_on(store) as hub:
            store.failures = 1
            first = asyncio.create_task(watched(hub, LOG, None, b"never"))
            await asyncio.sleep(0)  # it has joined
            start_job(store, 1)
            assert await first == b""  # it is ended, and told nothing wrong
            assert "could not be followed" in caplog.text
            assert not hub.closed
            again = asyncio.create_task(watched(hub, LOG, 0, b"id: 4\n"))
            start_job(store, 2)
            assert ids(await again) == [1, 2, 3, 4]

    asyncio.run(main())


# --- what comes at once ----------------------------------------------------------------------------------------------


def test_jobs_are_counted_once_for_all_who_come_at_once(store: Failing) -> None:
    start_job(store, 1)

    async def main() -> None:
        async with hub_on(store) as hub:
            found = await asyncio.gather(*(hub.counts() for _ in range(20)))
            assert {one[Status.RUNNING] for one in found} == {1}
            assert store.counted == 1

    asyncio.run(main())


def test_whoever_comes_after_a_change_was_told_gets_no_older_count(store: Failing) -> None:
    async def main() -> None:
        async with hub_on(store) as hub:
            assert (await hub.counts()).get(Status.QUEUED, 0) == 0  # kept for a second
            first = asyncio.create_task(watched(hub, LIST, None, b'"queued":1'))
            await asyncio.sleep(0)
            store.append(job_stream(job_id(1)), [dispatched(job_id(1))])
            await first
            assert (await hub.counts())[Status.QUEUED] == 1

    asyncio.run(main())


def test_a_job_that_goes_on_is_followed_to_its_end(store: Failing) -> None:
    stream = start_job(store, 1)

    async def main() -> None:
        async with hub_on(store) as hub:
            watching = asyncio.create_task(watched(hub, job_selection(1, "completed"), 0, b"event: end\n"))
            await asyncio.sleep(0)
            store.append(stream, [*run_of(JOB_BLOCK), completed()])
            assert ids(await watching) == [JOB_BLOCK + 3] * 2

    asyncio.run(main())
