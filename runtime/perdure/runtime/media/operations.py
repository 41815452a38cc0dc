"""``media.inspect``, ``thumbnail`` and ``hash``: pictures, opened in worker processes that are confined.

They are queries: what they answer is recorded, so a job that is run again opens no picture. A person's pictures, and
where and when they were taken, are a person's own, so they are recorded sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.media.messages import (
    Hash,
    HashMedia,
    Inspect,
    InspectMedia,
    MakeThumbnail,
    MediaHashed,
    MediaInspected,
    PictureTask,
    Thumbnail,
    ThumbnailMade,
)
from perdure.runtime.media.settings import MediaSettings
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import query
from perdure.runtime.sources import Source, SourceReader
from perdure.runtime.worker_processes.pool import WorkerPool, processors
from perdure.runtime.worker_processes.task import Task

MAX_PROCESSES: Final = 8
FUNCTION: Final = "perdure.runtime.media.worker:picture"

Answer = TypeVar("Answer", MediaInspected, ThumbnailMade, MediaHashed)


class MediaOperations:
    """The handlers.

    Args:
        settings: limits.
        sources: reads what calls are about.
        pool: the worker processes.
    """

    def __init__(self, settings: MediaSettings, sources: SourceReader, pool: WorkerPool) -> None:
        self._settings = settings
        self._sources = sources
        self._pool = pool
        self._task = Task(
            FUNCTION,
            settings.memory_bytes,
            settings.processes or min(processors(), MAX_PROCESSES),
            "media",
        )

    @query("media.inspect")
    def inspect(self, context: CallContext, request: InspectMedia) -> MediaInspected:
        """What a picture is: its format and size, and what the camera wrote into it. Its pixels are not decoded."""
        return self._answer(context, request, Inspect(), MediaInspected)

    @query("media.thumbnail", timeout=60.0)
    def thumbnail(self, context: CallContext, request: MakeThumbnail) -> ThumbnailMade:
        """A small picture of a picture: upright, in sRGB, without metadata; of several frames the first."""
        wanted = Thumbnail(request.max_width, request.max_height, request.format, request.quality)
        return self._answer(context, request, wanted, ThumbnailMade)

    @query("media.hash", timeout=60.0)
    def hash(self, context: CallContext, request: HashMedia) -> MediaHashed:
        """Perceptual hashes: pictures that look alike have hashes that differ in few bits."""
        return self._answer(context, request, Hash(request.algorithms), MediaHashed)

    def _answer(
        self, context: CallContext, source: Source, wanted: Inspect | Thumbnail | Hash, kind: type[Answer]
    ) -> Answer:
        data = self._sources.read(context, source, self._settings.max_bytes)
        request = msgspec.msgpack.encode(PictureTask(data, wanted, self._settings.max_pixels))
        del data
        answer = self._pool.run(self._task, request, seconds=context.remaining(), cancelled=context.cancelled)
        try:
            return msgspec.msgpack.decode(answer, type=kind)
        except msgspec.MsgspecError:  # the process may be a stranger's by now
            raise OperationFailed("failed", "the picture led to an answer that is none") from None


def media_operations(
    settings: MediaSettings, sources: SourceReader, pool: WorkerPool
) -> tuple[Callable[..., Any], ...]:
    """The operations, ready to be registered; see `MediaOperations`."""
    operations = MediaOperations(settings, sources, pool)
    return operations.inspect, operations.thumbnail, operations.hash
