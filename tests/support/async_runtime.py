"""An `AsyncClient` as what a test that knows nothing of event loops can use."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, Self

from perdure.client import AsyncClient, AsyncJobHandle
from perdure.runtime.job_handle import JobHandle


class BlockingClient:
    """The client's methods, each done on an event loop of its own thread; its handles are `JobHandle`."""

    def __init__(self, make: Callable[[], AsyncClient]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._client = self._do(self._made(make))

    async def _made(self, make: Callable[[], AsyncClient]) -> AsyncClient:
        return make()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*words: Any, **options: Any) -> Any:
            answer = method(*words, **options)
            if inspect.isasyncgen(answer):
                return self._each(answer)
            return self._plain(self._do(answer))

        return call

    def wait_async(self, job_id: Any) -> Any:
        """`Client.wait_async`; this one's is called `wait`."""
        return asyncio.to_thread(self.wait, job_id)

    def _plain(self, answer: Any) -> Any:
        return JobHandle(self, answer.job_id) if isinstance(answer, AsyncJobHandle) else answer

    def _each(self, found: AsyncIterator[Any]) -> Iterator[Any]:
        nothing = object()
        while (one := self._do(anext(found, nothing))) is not nothing:
            yield one

    def _do(self, work: Any) -> Any:
        async def done() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
