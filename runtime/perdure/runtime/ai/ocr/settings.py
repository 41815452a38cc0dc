"""What an embedder may choose about the recognition of text."""

from __future__ import annotations

import msgspec

from perdure.runtime.errors import InvalidLimits


class OcrSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds, for each call.

    Attributes:
        tessdata: the folder with Tesseract's language data (``eng.traineddata``). None: that of ``TESSDATA_PREFIX``,
            or where the system's packages put it.
        dpi: dots an inch at which a page of a PDF is drawn to be recognised; a large page is drawn smaller.
        max_bytes: the largest file.
        max_pages: how many pages one call may read.
        max_pixels: the largest image, width times height.
        max_characters: the most text that one call may give.
        page_seconds: how long one page may take.
        processes: how many worker processes there may be; each works on one call.
        memory_bytes: the address space of each.

    Raises:
        InvalidLimits: a value makes no sense.
    """

    tessdata: str | None = None
    dpi: int = 300
    max_bytes: int = 64 << 20
    max_pages: int = 50
    max_pixels: int = 120_000_000
    max_characters: int = 1_000_000
    page_seconds: float = 90.0
    processes: int = 2
    memory_bytes: int = 3 << 30

    def __post_init__(self) -> None:
        for field in ("max_bytes", "max_pages", "max_pixels", "max_characters", "page_seconds", "processes"):
            if not getattr(self, field) > 0:
                raise InvalidLimits(f"ocr.{field}", getattr(self, field), "more than 0")
        if not 36 <= self.dpi <= 1200:
            raise InvalidLimits("ocr.dpi", self.dpi, "36 to 1200")
        if self.memory_bytes < 1 << 30:
            raise InvalidLimits("ocr.memory_bytes", self.memory_bytes, "at least 1 GiB: the libraries alone take half")
