"""Blocks of the log that were read lately for those who are behind: each is read once, however many want it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from perdure.api.errors import EngineUnavailable
from perdure.server.web.live.reading import Block
from perdure.server.web.live.selection import JobSelection, LogSelection

KEPT: Final = 32 << 20  # bytes
_THREADS: Final = 2

Key = tuple[LogSelection | JobSelection, int]  # what is wanted, and where the block begins


class _Coming:
    """A block that is to be read; ``begun`` once a thread reads it."""

    def __init__(self, read: Callable[[], Block]) -> None:
        self._read = read
        self.begun = False
        self.block: asyncio.Future[Block]

    def work(self) -> Block:
        self.begun = True
        return self._read()


class Blocks:
    """Used on the event loop, until `close`."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="perdure-watch")
        self._kept: OrderedDict[Key, Block] = OrderedDict()
        self.kept_bytes = 0
        self._coming: dict[Key, _Coming] = {}
        self._closed = False

    async def get(self, key: Key, read: Callable[[], Block]) -> Block:
        """A block, read by ``read`` if it is not there: what is not full is as it was after this was called.

        Raises:
            StoreError: it cannot be read.
            EngineUnavailable: everything is being closed.
        """
        if self._closed:
            raise EngineUnavailable("it is stopping")
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return kept
        coming = self._coming.get(key)
        if coming is None or coming.begun:
            coming = _Coming(read)
            coming.block = asyncio.ensure_future(self._read(key, coming))
            self._coming[key] = coming
        try:
            return await asyncio.shield(coming.block)
        except asyncio.CancelledError:
            if self._closed:
                raise EngineUnavailable("it is stopping") from None
            raise

    async def _read(self, key: Key, coming: _Coming) -> Block:
        try:
            if self._closed:
                raise EngineUnavailable("it is stopping")
            block = await asyncio.get_running_loop().run_in_executor(self._threads, coming.work)
        finally:
            if self._coming.get(key) is coming:
                del self._coming[key]
        if block.full and key not in self._kept:
            self._kept[key] = block
            self.kept_bytes += block.size
            while self.kept_bytes > KEPT:
                self.kept_bytes -= self._kept.popitem(last=False)[1].size
        return block

    def close(self) -> None:
        """Read nothing any more. Idempotent."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Wait for what is being read. After `close`."""
        self._threads.shutdown(wait=True)
