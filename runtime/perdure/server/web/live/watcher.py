"""Somebody who watches: a cursor, and a loop that sends what follows it, at the pace at which it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from perdure.api.watching import HEARTBEAT
from perdure.server.web.live.channel import Behind, Piece, cut
from perdure.server.web.live.hub import Hub
from perdure.server.web.live.messages import HEARTBEAT_BYTES, jobs_message, reset_message
from perdure.server.web.live.reading import Block
from perdure.server.web.live.selection import JobSelection, ListSelection, LogSelection

Send = Callable[[bytes, int], Awaitable[None]]  # bytes of an answer, and how many messages they are
LARGEST: Final = (1 << 63) - 1  # a sequence or a position
_JOINED: Final = 256 << 10  # bytes that are sent at once, of more pieces than one


class Watcher:
    """One who watches ``selection`` behind ``cursor``; None: what is yet to come.

    ``welcome``: whether it still may; asked at each heartbeat.
    """

    def __init__(
        self,
        hub: Hub,
        selection: LogSelection | JobSelection | ListSelection,
        cursor: int | None,
        welcome: Callable[[], bool],
    ) -> None:
        self._hub = hub
        self._selection = selection
        self._welcome = welcome
        self._waiting: asyncio.Future[None] | None = None
        self._ended = False
        self._beat = False
        self.channel, begins = hub.join(selection, self._wake)
        self.cursor = begins if cursor is None else cursor
        self._forget = hub.when_closed(self.end)
        self._first: Block | None = None
        self._cut = False  # the block before ended where the next one begins
        self._complete = not isinstance(selection, JobSelection)  # whether the log has been read up to the channel

    async def prepare(self) -> None:
        """Read the first of what it is behind with, so that what is wrong with that is said before all else.

        Raises:
            StoreError: it cannot be read.
        """
        if isinstance(self._selection, JobSelection):
            self._first = await self._hub.behind(self._selection, self.cursor)

    def leave(self) -> None:
        """Watch no more; a second call does nothing."""
        self._forget()
        self._hub.leave(self._selection, self.channel, self._wake)

    def end(self) -> None:
        """Let `run` return soon."""
        self._ended = True
        self._wake()

    async def run(self, send: Send) -> None:
        """Send what happens until it is over, or until `end`."""
        beats = asyncio.create_task(self._beats())
        try:
            if isinstance(self._selection, ListSelection):
                await self._greet(self._selection, send)
            while not self._ended and not await self._advance(send):
                pass
        finally:
            beats.cancel()

    async def _advance(self, send: Send) -> bool:
        """Send what there is, or wait for it; returns whether that was all."""
        if self._beat:
            self._beat = False
            if not self._welcome():
                return True
            await send(HEARTBEAT_BYTES, 0)
        following = self.channel.next(self.cursor) if self._complete else Behind(LARGEST)
        if isinstance(following, Piece):
            await self._send_pieces(following, send)
        elif isinstance(following, Behind):
            return await self._catch_up(following.until, send)
        elif self.channel.ended is not None:
            await send(self.channel.ended, 1)
            return True
        else:
            self._waiting = asyncio.get_running_loop().create_future()
            if not self._ended and not self._beat:
                await self._waiting
            self._waiting = None
        return False

    async def _send_pieces(self, piece: Piece, send: Send) -> None:
        parts, size, count = [piece.data], len(piece.data), piece.count
        self.cursor = piece.after
        while size < _JOINED and isinstance(more := self.channel.next(self.cursor), Piece):
            parts.append(more.data)
            size, count, self.cursor = size + len(more.data), count + more.count, more.after
        await send(b"".join(parts) if len(parts) > 1 else parts[0], count)

    async def _catch_up(self, until: int, send: Send) -> bool:
        if isinstance(self._selection, ListSelection):
            self.cursor = until
            await send(reset_message(until), 1)
            return False
        block = await self._block(self._selection)
        # Not beyond where a piece begins: else the next one would be missed by a little, and the one after that.
        messages = [message for message in block.messages if self.cursor < message[0] <= until]
        for piece in cut(self.cursor, messages):
            await send(piece.data, piece.count)
            self.cursor = piece.after
        self.cursor = max(self.cursor, min(block.last, until))
        self._cut = block.cut
        self._complete = self._complete or block.complete
        if block.ended is None or self.cursor < block.last:
            return False
        await send(block.ended, 1)
        return True

    async def _block(self, selection: LogSelection | JobSelection) -> Block:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await self._hub.behind(selection, self.cursor, cut=self._cut)

    async def _greet(self, selection: ListSelection, send: Send) -> None:
        """The first message of a list: how many jobs there are, if it may be known."""
        counts = None if selection.sight.is_limited else await self._hub.counts()
        await send(jobs_message(self.cursor, (), (), counts), 1)

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            self._beat = True
            self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
