"""The event loop that asynchronous operations run on: one thread, started when it is first needed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any


class EventLoop:
    """A loop on a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, work: Coroutine[Any, Any, object]) -> Future[object]:
        """Run ``work`` on the loop; cancelling the future cancels it.

        Raises:
            RuntimeError: the loop is closed.
        """
        with self._lock:
            if self._closed:
                work.close()
                raise RuntimeError("the event loop is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._run, name="perdure-event-loop", daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run(self) -> None:
        loop = self._loop
        assert loop is not None  # noqa: S101  # `submit` made it before it started this thread
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    def close(self, timeout: float) -> None:
        """Cancel what runs and end the thread; waits at most ``timeout`` seconds. A second call does nothing."""
        with self._lock:
            self._closed = True
            loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(timeout)
