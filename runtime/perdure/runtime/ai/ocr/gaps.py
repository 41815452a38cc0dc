"""What a reading left out: letters that no word lies on. Pure.

Tesseract's idea of a page drops columns of figures that stand alone, and lines beside others that are not level with
them. Their letters are still there to be seen, so such places are read once more, each by itself, as one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from perdure.runtime.ai.ocr.layout import Spotted, visual_lines, worth
from perdure.runtime.ai.ocr.messages import Box

_BELIEVED: Final = 0.6  # words that are less sure do not count
_AROUND: Final = 0.25  # in heights of a letter: how much wider a word is than its box
_APART: Final = 1.6  # in heights of a letter: the widest gap within a place

Boxes = NDArray[np.float64]  # n x 4: left, top, width, height
Runs = list[list[Spotted]]


def uncovered(glyphs: Boxes, letter: float, runs: Runs) -> NDArray[np.bool_]:
    """Which letters lie on no believed word."""
    x, y = glyphs[:, 0] + glyphs[:, 2] / 2, glyphs[:, 1] + glyphs[:, 3] / 2
    free = np.ones(len(glyphs), np.bool_)
    room = _AROUND * letter
    for word in (word for run in runs for word in run):
        if word.confidence >= _BELIEVED:
            left, top, right, bottom = word.box
            free &= (x < left - room) | (x > right + room) | (y < top - room) | (y > bottom + room)
    return free


def places(glyphs: Boxes, free: NDArray[np.bool_], letter: float, most: int) -> list[Box]:
    """Where to read again: the box of each row of letters that has some left out, those with most of them first.

    Args:
        glyphs: all letters.
        free: which of them were left out.
        letter: the usual height of one; what is much smaller or larger is none.
        most: how many places are wanted at most.
    """
    tall = (glyphs[:, 3] > 0.5 * letter) & (glyphs[:, 3] < 2.5 * letter)
    runs = [
        [Spotted("", float(missing), (left, top, left + wide, top + high))]
        for (left, top, wide, high), missing in zip(glyphs[tall].tolist(), free[tall].tolist(), strict=True)
    ]
    found: list[list[Spotted]] = []
    for line in visual_lines(runs):
        part: list[Spotted] = []
        for glyph in line:
            if part and glyph.box[0] - part[-1].box[2] > _APART * letter:
                found.append(part)
                part = []
            part.append(glyph)
        found.append(part)
    missing = [(sum(glyph.confidence for glyph in part), part) for part in found]
    wanted = [(count, part) for count, part in missing if count >= 1 and count >= 0.1 * len(part)]
    wanted.sort(key=lambda one: -one[0])
    return [_around(part) for _, part in wanted[:most]]


def _around(part: Sequence[Spotted]) -> Box:
    lefts, tops, rights, bottoms = zip(*(glyph.box for glyph in part), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def with_place(runs: Runs, place: Box, again: Runs) -> Runs:
    """The words with those of a place that was read again, if that made them better."""
    there = [word for run in runs for word in run if _inside(word.box, place)]
    if worth(word for run in again for word in run) <= worth(there):
        return runs
    kept = [[word for word in run if not _inside(word.box, place)] for run in runs]
    return [run for run in [*kept, *again] if run]


def _inside(box: Box, place: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return place[0] <= x <= place[2] and place[1] <= y <= place[3]
