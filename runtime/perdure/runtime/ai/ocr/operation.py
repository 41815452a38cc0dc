"""``query:ai.ocr``: the text of an image or a PDF, with the place of each word.

What a document says is a person's own, so it is recorded sealed. The work is done in a worker process (docs/ocr.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec

from perdure.runtime.ai.ocr.messages import Job, OcrOptions, OcrPage, Pages, Recognised
from perdure.runtime.ai.ocr.settings import OcrSettings
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Sensitive, query
from perdure.runtime.sources import Source, SourceReader
from perdure.runtime.worker_processes.pool import WorkerPool
from perdure.runtime.worker_processes.task import Task

MAX_SECONDS: Final = 300.0
_MARGIN: Final = 2.0  # seconds that the answer has left when the worker process gives up by itself

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Recognised).decode


class ReadDocument(Source, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image (PNG, JPEG, TIFF, WebP, GIF, BMP, HEIC) or a PDF; one of ``data``, ``entry`` and ``file`` is given.

    ``pages`` are those of a PDF or a TIFF, ``1-5,8``; without it all are read, if there are no more than a call may
    read. ``words``: whether the answer has each word with its place.
    """

    options: OcrOptions = OcrOptions()
    pages: Pages | None = None
    words: bool = True


class DocumentRead(msgspec.Struct, frozen=True, kw_only=True):
    """What it says.

    ``text`` is that of the pages, a form feed between two. ``confidence`` is 0 to 1, over all letters; 0 if there are
    none. ``page_count`` counts all pages of the file.
    """

    text: Annotated[str, Sensitive]
    confidence: float
    media_type: str
    page_count: int
    pages: Annotated[list[OcrPage], Sensitive]


class OcrOperations:
    """The handler.

    Args:
        settings: limits, and where language data is.
        pool: where the work is done.
        sources: where documents come from.
    """

    def __init__(self, settings: OcrSettings, pool: WorkerPool, sources: SourceReader) -> None:
        self._settings, self._pool, self._sources = settings, pool, sources
        self._task = Task(
            "perdure.runtime.ai.ocr.worker:ocr",
            memory_bytes=settings.memory_bytes,
            processes=settings.processes,
            extra="ocr",
            readable=(settings.tessdata,) if settings.tessdata is not None else (),
        )

    @query("ai.ocr", timeout=MAX_SECONDS)
    def ocr(self, context: CallContext, request: ReadDocument) -> DocumentRead:
        """Read the text of an image or a PDF: its own text where it has a good one, else by Tesseract."""
        settings = self._settings
        content = self._sources.read(context, request, settings.max_bytes)
        seconds = context.remaining()
        job = Job(
            content=content,
            options=request.options,
            pages=request.pages,
            words=request.words,
            seconds=max(seconds - _MARGIN, 0.1),
            tessdata=settings.tessdata,
            dpi=settings.dpi,
            max_pages=settings.max_pages,
            max_pixels=settings.max_pixels,
            max_characters=settings.max_characters,
            page_seconds=settings.page_seconds,
        )
        answer = self._pool.run(self._task, _encode(job), seconds=seconds, cancelled=context.cancelled)
        return _document(_decode(answer))


def ocr_operations(settings: OcrSettings, pool: WorkerPool, sources: SourceReader) -> tuple[Callable[..., Any], ...]:
    """The operations, ready to be registered."""
    return (OcrOperations(settings, pool, sources).ocr,)


def _document(read: Recognised) -> DocumentRead:
    letters = [sum(not character.isspace() for character in page.text) for page in read.pages]
    weighed = sum(page.confidence * count for page, count in zip(read.pages, letters, strict=True))
    return DocumentRead(
        text="\f".join(page.text for page in read.pages),
        confidence=round(weighed / sum(letters), 3) if sum(letters) else 0.0,
        media_type=read.media_type,
        page_count=read.page_count,
        pages=read.pages,
    )
