"""PDFs, read with PDFium: a page's own text, or the page drawn as a picture."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

from perdure.actors.operations import OperationFailed
from perdure.runtime.ai.ocr.layout import Line, Spotted, visual_lines
from perdure.runtime.ai.ocr.messages import Box
from perdure.runtime.ai.ocr.text_layer import Character, Layer, words_of
from perdure.runtime.ai.ocr.turning import Quarters, quarters_to_read, turned_box, turned_size

_MAX_DRAWN: Final = 30_000_000  # pixels; A3 at 300 dpi has 17 million
_POINTS: Final = 72
_OBJECTS: Final = 2000  # of a page's, looked at to see how much of it pictures cover
# Characters that a reader does not see: soft and PDFium's own hyphens at a line's end keep their place.
_UNSEEN: Final = {"\u200b": "", "\ufeff": "", "\u00ad": "-", "\u0002": "-", "\ufffe": "-"}


class PdfPage:
    """One page; sizes in points, as it is shown."""

    def __init__(self, page: pypdfium2.PdfPage, number: int, max_characters: int) -> None:
        self._page, self._number, self._max = page, number, max_characters
        self.width, self.height = page.get_size()
        if not (0 < self.width < math.inf and 0 < self.height < math.inf):
            raise OperationFailed("invalid_payload", f"page {number} has no size")

    def text(self) -> tuple[Layer, list[Line], Quarters]:
        """Its text: what it is like, its lines, and by how many quarters the page has to be turned to be read.

        Lines that run in other directions than most come last.

        Raises:
            OperationFailed: `invalid_payload`: it has more characters than one call may give.
        """
        textpage = self._page.get_textpage()
        try:
            by_direction, unmapped, total = self._characters(textpage.raw)
        finally:
            textpage.close()
        main: Quarters = max(by_direction, key=lambda turn: len(by_direction[turn]), default=0)
        lines: list[Line] = []
        words: list[Spotted] = []
        for turn in sorted(by_direction, key=lambda turn: turn != main):
            found = words_of(by_direction[turn])
            words += found
            # Laid out as it is read, then put where it is on the page as most of it is read.
            wide, high = turned_size(self.width, self.height, turn)
            lines += [
                [Spotted(word.text, word.confidence, turned_box(word.box, wide, high, main - turn)) for word in line]
                for line in visual_lines([word] for word in found)
            ]
        layer = Layer(words, unmapped / total if total else 0.0, self._pictures())
        return layer, lines, main

    def _characters(self, textpage: Any) -> tuple[dict[Quarters, list[Character | None]], int, int]:
        count = pdfium.FPDFText_CountChars(textpage)
        if count > self._max:
            raise OperationFailed(
                "invalid_payload", f"page {self._number} has {count} characters; at most {self._max} at once"
            )
        place = self._placing()
        box = pdfium.FS_RECTF()
        found: dict[Quarters, list[Character | None]] = {}
        unmapped = total = 0
        turns: dict[float, Quarters] = {}
        turn: Quarters = 0
        for index in range(count):
            code = pdfium.FPDFText_GetUnicode(textpage, index)
            text = chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
            text = _UNSEEN.get(text, text)
            if not text or text.isspace():
                found.setdefault(turn, []).append(None)
                continue
            if not pdfium.FPDFText_GetLooseCharBox(textpage, index, ctypes.byref(box)):
                continue
            if pdfium.FPDFText_IsGenerated(textpage, index) == 1 and text != "-":
                continue
            angle = round(pdfium.FPDFText_GetCharAngle(textpage, index), 2)
            if angle not in turns:
                turns[angle] = self._direction(place, angle)
            turn = turns[angle]
            placed = _around(place(box.left, box.top), place(box.right, box.bottom))
            if not _within(placed, self.width, self.height):
                continue
            unknown = pdfium.FPDFText_HasUnicodeMapError(textpage, index) == 1
            total, unmapped = total + 1, unmapped + unknown
            upright = turned_box(placed, self.width, self.height, turn)
            found.setdefault(turn, []).append(Character(text, upright, unknown))
        return found, unmapped, total

    def _placing(self) -> Callable[[float, float], tuple[float, float]]:
        """From where a PDF counts (from below, before the page is turned) to where it is on the page as it is shown."""
        fine = min(1000.0, 1_000_000_000 / max(self.width, self.height))
        wide, high = round(self.width * fine), round(self.height * fine)
        x, y = ctypes.c_int(), ctypes.c_int()

        def device(left: float, up: float) -> tuple[float, float]:
            pdfium.FPDF_PageToDevice(self._page.raw, 0, 0, wide, high, 0, left, up, ctypes.byref(x), ctypes.byref(y))
            return float(x.value) / fine, float(y.value) / fine

        far = max(self.width, self.height)
        (ox, oy), (ax, ay), (bx, by) = device(0, 0), device(far, 0), device(0, far)
        xx, xy, yx, yy = (ax - ox) / far, (ay - oy) / far, (bx - ox) / far, (by - oy) / far
        return lambda left, up: (ox + left * xx + up * yx, oy + left * xy + up * yy)

    @staticmethod
    def _direction(place: Callable[[float, float], tuple[float, float]], angle: float) -> Quarters:
        (ox, oy), (x, y) = place(0, 0), place(math.cos(angle), -math.sin(angle))
        return quarters_to_read(x - ox, y - oy)

    def _pictures(self) -> float:
        """The part of the page that pictures cover, 0 to 1."""
        place, area = self._placing(), 0.0
        for index, item in enumerate(self._page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3)):
            if index >= _OBJECTS:
                break
            try:
                left, bottom, right, top = item.get_bounds()
            except pypdfium2.PdfiumError:
                continue
            left, top, right, bottom = _around(place(left, bottom), place(right, top))
            area += max(min(right, self.width) - max(left, 0), 0) * max(min(bottom, self.height) - max(top, 0), 0)
        return float(min(area / (self.width * self.height), 1.0))

    def drawn(self, dpi: int, max_pixels: int) -> tuple[NDArray[np.uint8], float]:
        """The page as RGB, and how many pixels a point has; a large page in fewer dots than ``dpi``."""
        most = math.sqrt(min(_MAX_DRAWN, max_pixels) / (self.width * self.height))
        scale = min(dpi / _POINTS, most)
        try:
            bitmap = self._page.render(scale=scale, rev_byteorder=True, fill_color=(255, 255, 255, 255))
            picture = bitmap.to_numpy()
        except (pypdfium2.PdfiumError, ValueError) as error:
            raise OperationFailed("invalid_payload", f"page {self._number} cannot be drawn: {error}") from None
        if picture.ndim == 3:
            picture = picture[:, :, 0] if picture.shape[2] == 1 else picture[:, :, :3]
        return np.ascontiguousarray(picture, np.uint8), scale


class Pdf:
    """A PDF file.

    Raises:
        OperationFailed: `invalid_payload`: it is damaged, or only opens with a password.
    """

    media_type: Final = "application/pdf"

    def __init__(self, content: bytes, max_characters: int) -> None:
        self._max = max_characters
        try:
            self._document = pypdfium2.PdfDocument(content)
            self.count = len(self._document)
        except pypdfium2.PdfiumError as error:
            if error.err_code == pdfium.FPDF_ERR_PASSWORD:
                raise OperationFailed(
                    "invalid_payload", "the PDF is encrypted: it opens with a password only"
                ) from None
            # PDFium says so of files without pages, too.
            if error.err_code == pdfium.FPDF_ERR_SECURITY and b"/Encrypt" in content:
                raise OperationFailed("invalid_payload", "the PDF is encrypted in a way that is not known") from None
            raise OperationFailed("invalid_payload", "the PDF is damaged, ends too early, or has no pages") from None
        if not self.count:
            raise OperationFailed("invalid_payload", "the PDF has no pages")

    def page(self, number: int) -> PdfPage:
        """A page, from 1."""
        try:
            page = self._document[number - 1]
        except pypdfium2.PdfiumError:
            raise OperationFailed("invalid_payload", f"page {number} is damaged") from None
        return PdfPage(page, number, self._max)

    def close(self) -> None:
        """Give its memory back."""
        self._document.close()


def is_pdf(content: bytes) -> bool:
    """Whether it says that it is one, within its first KiB as readers allow it."""
    return b"%PDF-" in content[:1024]


def _around(first: tuple[float, float], second: tuple[float, float]) -> Box:
    return min(first[0], second[0]), min(first[1], second[1]), max(first[0], second[0]), max(first[1], second[1])


def _within(box: Box, width: float, height: float) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return 0 <= x <= width and 0 <= y <= height
