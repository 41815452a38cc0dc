"""Subscriptions: what an endpoint tells by server-sent events, message by message."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from typing import Any
from uuid import uuid4

import msgspec

from perdure.api.endpoint import Endpoint
from perdure.api.errors import EngineUnavailable
from perdure.api.problems import status_of
from perdure.api.watching import END, RESET
from perdure.client.event_stream import EventStream
from perdure.server.graphql.asking import Asking, message_of
from perdure.server.graphql.problems import error_from
from perdure.server.web.live.pages import cursor_of, watcher_for
from perdure.store.errors import StoreError

logger = logging.getLogger(__name__)


async def watch(
    asking: Asking, endpoint: Endpoint[Any, Any], fields: dict[str, Any]
) -> AsyncGenerator[dict[str, Any], None]:
    """The messages of a stream, each taken from it when the one before has been sent: nothing is heaped up.

    Raises:
        GraphQLError: the problem that a client over HTTP would get.
    """
    number = uuid4()
    last = fields.pop("last_id", None)
    try:
        message = message_of(asking.caller, endpoint, fields, asking.site)
        cursor = cursor_of(last) if last else None
        watcher = await watcher_for(asking.site, asking.caller, message, cursor, asking.authorization)
    except Exception as error:  # the boundary: the client is told, whatever it is
        if status_of(error) is None:
            logger.exception("request %s (%s) failed", number, endpoint.name)
        raise error_from(error, number) from None
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue(1)

    async def send(data: bytes, count: int) -> None:
        asking.site.metrics.sent(count)
        await pieces.put(data)

    async def run() -> None:
        try:
            with contextlib.suppress(StoreError, EngineUnavailable):  # whoever comes again is told which
                await watcher.run(send)
        except Exception:
            logger.exception("request %s (%s) failed", number, endpoint.name)
        await pieces.put(None)

    running = asyncio.create_task(run())
    stream = EventStream()
    try:
        while (data := await pieces.get()) is not None:
            for each in stream.feed(data):
                value = msgspec.json.decode(each.data)
                about = {"job": value} if each.event == END else {} if each.event == RESET else {"data": value}
                yield {"id": each.id, "event": each.event, **about}
    finally:
        asking.site.metrics.watchers -= 1
        watcher.leave()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
