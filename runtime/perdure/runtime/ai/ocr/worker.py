"""What a worker process does with a file: ``perdure.runtime.ai.ocr.worker:ocr``."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Final, Literal, cast

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.ai.ocr.language_data import language_folder
from perdure.runtime.ai.ocr.layout import Line, confidence_of, page_text
from perdure.runtime.ai.ocr.messages import Job, OcrPage, OcrWord, Recognised, Source, Unit
from perdure.runtime.ai.ocr.page_ranges import chosen_pages
from perdure.runtime.ai.ocr.pdf import Pdf, PdfPage, is_pdf
from perdure.runtime.ai.ocr.pictures import Pictures
from perdure.runtime.ai.ocr.preparing import Picture
from perdure.runtime.ai.ocr.recognition import Recogniser
from perdure.runtime.ai.ocr.tesseract import Tesseract
from perdure.runtime.ai.ocr.text_layer import is_good
from perdure.runtime.ai.ocr.turning import turned_box, turned_size

_decode: Final = msgspec.msgpack.Decoder(Job).decode
_encode: Final = msgspec.msgpack.Encoder().encode
_engines: Final[list[Tesseract]] = []  # the one of this process, once it was needed


def ocr(request: bytes) -> bytes:
    """Read a file: a `Job`, answered with `Recognised`, both as msgpack.

    Raises:
        OperationFailed: it cannot be read, or not so.
    """
    return _encode(_recognised(_decode(request)))


def _recognised(job: Job) -> Recognised:
    if not job.content:
        raise OperationFailed("invalid_payload", "the file is empty")
    deadline = time.monotonic() + job.seconds
    pages: list[OcrPage] = []
    characters = 0
    document = _PdfFile(job) if is_pdf(job.content) else _PictureFile(job)
    for page in document.pages(deadline):
        characters += len(page.text)
        if characters > job.max_characters:
            raise OperationFailed(
                "invalid_payload", f"more than {job.max_characters} characters of text; ask for fewer pages at once"
            )
        pages.append(page)
    return Recognised(media_type=document.media_type, page_count=document.count, pages=pages)


class _Reader:
    """Reads pictures as the job says; finds the language data when the first one needs it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._recogniser: Recogniser | None = None

    def page(self, picture: Picture, number: int, scale: float, unit: Unit, deadline: float) -> OcrPage:
        """A page of a picture with ``scale`` pixels a unit."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise OperationFailed("unavailable", f"the time ended before page {number}; ask for fewer pages at once")
        if self._recogniser is None:
            self._recogniser = self._made()
        read = self._recogniser.read(picture, min(left, self._job.page_seconds))
        high, wide = picture.shape[:2]
        lines = [
            [
                msgspec.structs.replace(
                    word,
                    box=tuple(part / scale for part in turned_box(word.box, wide, high, read.quarters)),
                )
                for word in line
            ]
            for line in read.lines
        ]
        size = turned_size(wide / scale, high / scale, read.quarters)
        return _page(self._job, number, lines, "ocr", unit, size, read.quarters)

    def _made(self) -> Recogniser:
        job = self._job
        folder = language_folder(job.options.language, job.tessdata)
        if not _engines:
            _engines.append(Tesseract())
        return Recogniser(_engines[0], folder, job.options.language, job.options.preprocessing)


class _PdfFile:
    """The pages of a PDF that a job wants."""

    def __init__(self, job: Job) -> None:
        self._job, self._reader = job, _Reader(job)
        self._pdf = Pdf(job.content, job.max_characters)
        self.media_type, self.count = Pdf.media_type, self._pdf.count

    def pages(self, deadline: float) -> Iterator[OcrPage]:
        """One after the other."""
        try:
            for number in chosen_pages(self._job.pages, self.count, self._job.max_pages):
                yield self._page(self._pdf.page(number), number, deadline)
        finally:
            self._pdf.close()

    def _page(self, page: PdfPage, number: int, deadline: float) -> OcrPage:
        job = self._job
        if job.options.engine != "tesseract":
            layer, lines, quarters = page.text()
            if job.options.engine == "text_layer" or is_good(layer):
                size = turned_size(page.width, page.height, quarters)
                return _page(job, number, lines, "text_layer", "points", size, quarters)
        picture, scale = page.drawn(job.dpi, job.max_pixels)
        return self._reader.page(picture, number, scale, "points", deadline)


class _PictureFile:
    """The pictures of a file that a job wants."""

    def __init__(self, job: Job) -> None:
        if job.options.engine == "text_layer":
            raise OperationFailed("invalid_payload", "only a PDF has a text layer, and this is none")
        self._job, self._reader = job, _Reader(job)
        self._pictures = Pictures(job.content, job.max_pixels)
        self.media_type, self.count = self._pictures.media_type, self._pictures.count()

    def pages(self, deadline: float) -> Iterator[OcrPage]:
        """One after the other."""
        for number in chosen_pages(self._job.pages, self.count, self._job.max_pages):
            yield self._reader.page(self._pictures.picture(number), number, 1.0, "pixels", deadline)


def _page(
    job: Job, number: int, lines: list[Line], source: Source, unit: Unit, size: tuple[float, float], quarters: int
) -> OcrPage:
    text, numbers = page_text(lines)
    words = [
        OcrWord(
            text=word.text,
            confidence=_rounded(word.confidence, 3),
            box=cast(tuple[float, float, float, float], tuple(_rounded(part, 1) for part in word.box)),
            line=at,
        )
        for line, at in zip(lines, numbers, strict=True)
        for word in line
    ]
    return OcrPage(
        number=number,
        text=text,
        confidence=_rounded(confidence_of(word for line in lines for word in line), 3),
        source=source,
        unit=unit,
        width=_rounded(size[0], 1),
        height=_rounded(size[1], 1),
        rotation=cast(Literal[0, 90, 180, 270], quarters * 90),
        words=words if job.words else [],
    )


def _rounded(value: float, digits: int) -> float:
    return round(value, digits) if math.isfinite(value) else 0.0
