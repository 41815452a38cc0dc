"""Sheets as a PDF with a text layer, by reportlab; the bytes are the same each time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from random import Random
from typing import Final

from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from bench.receipts.raster import font_file
from bench.receipts.sheet import Box, Face, Rule, Sheet, Text

# The fonts that each reader has, with the measures of those that pictures are drawn with (raster.py).
_STANDARD: Final[dict[Face, str]] = {
    "sans": "Helvetica",
    "sans-bold": "Helvetica-Bold",
    "serif": "Times-Roman",
    "serif-bold": "Times-Bold",
    "mono": "Courier",
    "mono-bold": "Courier-Bold",
}


def text_pdf(sheets: Sequence[Sheet], title: str = "", shuffle: Random | None = None) -> bytes:
    """One page a sheet. ``wide`` faces are embedded, the others are standard fonts.

    With ``shuffle`` the texts are written in another order than that of reading, as many programs do.
    """
    target = io.BytesIO()
    canvas = Canvas(target, invariant=1, pageCompression=1)
    canvas.setTitle(title or "Document")
    for sheet in sheets:
        canvas.setPageSize((sheet.width, sheet.height))
        for mark in _ordered(sheet, shuffle):
            if isinstance(mark, Box):
                canvas.setFillGray(mark.grey)
                canvas.rect(mark.x, sheet.height - mark.y - mark.height, mark.width, mark.height, stroke=0, fill=1)
            elif isinstance(mark, Rule):
                canvas.setLineWidth(mark.width)
                canvas.line(mark.x, sheet.height - mark.y, mark.to_x, sheet.height - mark.to_y)
            else:
                canvas.setFillGray(mark.grey)
                canvas.setFont(_name(mark.face), mark.size)
                write = {
                    "left": canvas.drawString,
                    "right": canvas.drawRightString,
                    "centre": canvas.drawCentredString,
                }[mark.align]
                write(mark.x, sheet.height - mark.y, mark.shown)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def image_pdf(pictures: Sequence[bytes], width: float, height: float) -> bytes:
    """A scan: one JPEG a page, and no text."""
    target = io.BytesIO()
    canvas = Canvas(target, invariant=1, pageCompression=0)
    canvas.setTitle("Scan")
    for picture in pictures:
        canvas.setPageSize((width, height))
        canvas.drawImage(ImageReader(io.BytesIO(picture)), 0, 0, width, height)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def _ordered(sheet: Sheet, shuffle: Random | None) -> list[Text | Rule | Box]:
    if shuffle is None:
        return sheet.marks
    texts = [mark for mark in sheet.marks if isinstance(mark, Text)]
    if shuffle.random() < 0.5:
        texts.sort(key=lambda mark: (round(mark.x / 60), mark.y))  # column by column
    else:
        shuffle.shuffle(texts)
    return [*(mark for mark in sheet.marks if not isinstance(mark, Text)), *texts]


def _name(face: Face) -> str:
    if face in _STANDARD:
        return _STANDARD[face]
    if face not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(face, str(font_file(face))))
    return face
