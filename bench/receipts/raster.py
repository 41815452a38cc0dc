"""Sheets as grey pictures, by Pillow, at so many dots an inch."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from bench.receipts.sheet import Box, Face, Rule, Sheet

_FOLDERS: Final = (
    Path("/usr/share/fonts/truetype/liberation"),
    Path("/usr/share/fonts/truetype/liberation2"),
    Path("/usr/share/fonts/truetype/dejavu"),
)
_FILES: Final[dict[Face, str]] = {
    "sans": "LiberationSans-Regular.ttf",
    "sans-bold": "LiberationSans-Bold.ttf",
    "serif": "LiberationSerif-Regular.ttf",
    "serif-bold": "LiberationSerif-Bold.ttf",
    "mono": "LiberationMono-Regular.ttf",
    "mono-bold": "LiberationMono-Bold.ttf",
    "wide": "DejaVuSans.ttf",
    "wide-bold": "DejaVuSans-Bold.ttf",
}
_ANCHORS: Final = {"left": "ls", "right": "rs", "centre": "ms"}


class FontsMissing(Exception):
    """The fonts that documents are drawn with are not installed."""


def font_file(face: Face) -> Path:
    """Where Debian puts it."""
    for folder in _FOLDERS:
        if (folder / _FILES[face]).is_file():
            return folder / _FILES[face]
    raise FontsMissing(f"there is no {_FILES[face]}; install Debian's fonts-liberation and fonts-dejavu-core")


@functools.lru_cache(maxsize=64)
def _font(face: Face, pixels: float) -> ImageFont.FreeTypeFont:
    # The basic layout is in every build of Pillow; the other depends on a library of the system.
    return ImageFont.truetype(font_file(face), pixels, layout_engine=ImageFont.Layout.BASIC)


def picture(sheet: Sheet, dpi: float, paper: int = 255) -> Image.Image:
    """In grey, on ``paper`` of that brightness."""
    scale = dpi / 72
    image = Image.new("L", (round(sheet.width * scale), round(sheet.height * scale)), paper)
    draw = ImageDraw.Draw(image)
    for mark in sheet.marks:
        if isinstance(mark, Box):
            left, top = mark.x * scale, mark.y * scale
            right, bottom = left + max(mark.width * scale - 1, 0), top + max(mark.height * scale - 1, 0)
            draw.rectangle((left, top, right, bottom), fill=round(mark.grey * paper))
        elif isinstance(mark, Rule):
            ends = (mark.x * scale, mark.y * scale, mark.to_x * scale, mark.to_y * scale)
            draw.line(ends, fill=40, width=max(1, round(mark.width * scale)))
        else:
            font = _font(mark.face, mark.size * scale)
            place = (mark.x * scale, mark.y * scale)
            draw.text(place, mark.shown, font=font, anchor=_ANCHORS[mark.align], fill=round(mark.grey * paper) + 15)
    return image
