"""One picture's text: what is tried, in which order, and what is held to be the best.

A picture is prepared as it seems to need it and read once. Only if Tesseract is not sure of what it read, other ways
are tried: turned by quarters, another treatment of the light, another idea of the page. A clean scan takes one reading.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
import tesserocr

from perdure.actors.operations import OperationFailed
from perdure.runtime.ai.ocr import preparing
from perdure.runtime.ai.ocr.gaps import places, uncovered, with_place
from perdure.runtime.ai.ocr.layout import Line, Spotted, confidence_of, visual_lines, whole_numbers, worth
from perdure.runtime.ai.ocr.messages import Box, Preprocessing
from perdure.runtime.ai.ocr.preparing import Glyphs, Matrix, Picture
from perdure.runtime.ai.ocr.tesseract import Tesseract

SURE: Final = 0.85  # of its confidence: nothing else is tried
_LOST: Final = 0.7  # below: perhaps it is upside down
_FOUND: Final = 0.75  # this way up it is
_EMPTY: Final = 3  # letters, or words: fewer are none
_MOST_OF_IT: Final = 0.75  # of what looks like letters, read: nothing is missing
_FEW: Final = 0.02  # of them, left out: dust
_PLACES: Final = 150  # as many are read once more at most
_MARGIN: Final = 0.35  # in heights of a letter: what is read around such a place
_UNEVEN: Final = 0.25  # of the brightness: where a photograph begins
_DIM: Final = 0.1  # of it: with grain, too
_GRAINY: Final = 4.0  # of 255: the standard deviation from which on noise hides strokes
_MAX_PIXELS: Final = 30_000_000  # of a prepared picture
_PLAIN, _EVEN, _BINARY = "plain", "even", "binary"


class Read(msgspec.Struct, frozen=True):
    """What was read, on the page turned clockwise by ``quarters``."""

    lines: list[Line]
    quarters: int

    @property
    def words(self) -> list[Spotted]:
        """All of them."""
        return [word for line in self.lines for word in line]


class _Straight(msgspec.Struct, frozen=True):
    """A picture whose lines are level, with letters of the right size, and the way back to the page.

    ``letter``: their height, ``glyphs``: how many there seem to be.
    """

    picture: Picture
    to_page: Matrix
    quarters: int
    letter: float
    glyphs: int


class _Best:
    """The best that was read so far.

    Attributes:
        runs: its words.
        straight: the picture they are in; None: nothing was read yet.
        sureness: Tesseract's, over all letters, less if there are letters that it did not read.
        believed: how many words are more likely right than wrong.
    """

    def __init__(self) -> None:
        self.runs: list[list[Spotted]] = []
        self.straight: _Straight | None = None
        self.sureness = 0.0
        self.believed = 0
        self._worth = 0.0

    def consider(self, runs: list[list[Spotted]], covered: float, straight: _Straight) -> None:
        """Keep this if it is better. ``covered``: the part of the picture's letters that these words account for."""
        words = [word for run in runs for word in run]
        value = worth(words)
        if self.straight is None or value > self._worth:
            self.runs, self.straight, self._worth = runs, straight, value
            self.believed = sum(word.confidence > 0.5 for word in words)
            # What lies about on a table looks like letters, too, so not everything has to be covered.
            self.sureness = confidence_of(words) * min(covered / _MOST_OF_IT, 1.0)


class Recogniser:
    """Reads pictures of one call."""

    def __init__(self, tesseract: Tesseract, folder: str, languages: str, options: Preprocessing) -> None:
        self._tesseract, self._folder, self._languages = tesseract, folder, languages
        self._options = options

    def read(self, page: Picture, seconds: float) -> Read:
        """Recognise a page.

        Args:
            page: RGB, or grey.
            seconds: for all that is tried; when half of it is gone, nothing new is begun.

        Raises:
            OperationFailed: `failed`: the page took too long.
        """
        deadline = time.monotonic() + seconds
        best = _Best()
        picture = preparing.grey_of(page) if self._options.grey else page
        for straight, light, mode in self._attempts(picture, best):
            left = deadline - time.monotonic()
            if best.straight is not None and left < seconds / 2:
                break
            if left <= 0:
                raise OperationFailed("failed", f"the page was not read within {seconds:g} s")
            best.consider(*self._looked_at(self._lit(straight, light), mode, left), straight)
            if best.sureness >= SURE:
                break
        if best.straight is None:
            return Read([], 0)
        lines = [whole_numbers(line) for line in visual_lines(best.runs)]
        return Read(_on_page(lines, best.straight.to_page), best.straight.quarters)

    def _looked_at(self, picture: Picture, mode: int, seconds: float) -> tuple[list[list[Spotted]], float]:
        """The words of a picture, what was left out read once more, and the part of its letters that they cover."""
        deadline = time.monotonic() + seconds
        runs = _without_noise(self._read(picture, mode, seconds))
        glyphs = Glyphs(preparing.grey_of(picture))
        boxes, letter = glyphs.boxes, glyphs.letter
        free = uncovered(boxes, letter, runs)
        if free.sum() <= _FEW * len(boxes):
            return runs, 1.0
        for place in places(boxes, free, letter, _PLACES):
            left = deadline - time.monotonic()
            if left < seconds / 2:
                break
            runs = with_place(runs, place, self._one_line(picture, place, letter, left))
        return runs, 1 - float(uncovered(boxes, letter, runs).mean())

    def _one_line(self, picture: Picture, place: Box, letter: float, seconds: float) -> list[list[Spotted]]:
        room = round(_MARGIN * letter)
        left, top = max(int(place[0]) - room, 0), max(int(place[1]) - room, 0)
        part = preparing.framed(picture[top : int(place[3]) + room + 1, left : int(place[2]) + room + 1], room)
        found = _without_noise(self._read(part, tesserocr.PSM.SINGLE_LINE, seconds))
        return [[_moved(word, left - room, top - room) for word in run] for run in found]

    def _read(self, picture: Picture, mode: int, seconds: float) -> list[list[Spotted]]:
        return self._tesseract.read(picture, self._folder, self._languages, mode, seconds)

    def _attempts(self, picture: Picture, best: _Best) -> Iterator[tuple[_Straight, str, int]]:
        """What to try next; whoever asks tells ``best`` how each went."""
        first = self._straight(picture, None)
        lights = self._lights(first)
        yield first, lights[0], tesserocr.PSM.AUTO
        if first.glyphs < _EMPTY:
            return
        if self._options.rotate and best.sureness < _LOST:
            for turn in (2, 1, 3):
                yield self._straight(picture, first.quarters + turn), lights[0], tesserocr.PSM.AUTO
                if best.sureness >= _FOUND:
                    break
        straight = best.straight or first
        for light in lights[1:]:
            yield straight, light, tesserocr.PSM.AUTO
            if best.believed < _EMPTY:  # a picture of something else
                return
        yield straight, lights[0], tesserocr.PSM.SINGLE_BLOCK

    def _straight(self, picture: Picture, quarters: int | None) -> _Straight:
        """The sheet cut out, turned (None: as its lines run), levelled and scaled."""
        options = self._options
        to_page = np.eye(3)
        corners = preparing.sheet(preparing.grey_of(picture)) if options.crop else None
        if corners is not None:
            picture, to_page = preparing.cut_out(picture, corners)
        picture = preparing.dark_on_light(picture)
        glyphs = Glyphs(preparing.grey_of(picture))
        degrees, upright = glyphs.skew()
        if quarters is None:
            quarters = int(upright and options.rotate)
        high, wide = picture.shape[:2]
        if quarters % 4:
            picture = preparing.turned(picture, quarters)
            to_page = to_page @ _turned_back(wide, high, quarters)
            glyphs = Glyphs(preparing.grey_of(picture))
            degrees, _ = glyphs.skew()
        factor = preparing.scaling(glyphs, picture, options.scale, _MAX_PIXELS)
        level, matrix = preparing.levelled(picture, degrees if options.deskew else 0.0, factor)
        return _Straight(level, to_page @ matrix, quarters % 4, glyphs.letter * factor, len(glyphs.boxes))

    def _lights(self, straight: _Straight) -> tuple[str, ...]:
        match self._options.threshold:
            case "none":
                return (_PLAIN,)
            case "otsu":
                return ("otsu",)
            case "adaptive":
                return (_BINARY,)
        uneven = preparing.unevenness(preparing.grey_of(straight.picture))
        worse = uneven > _UNEVEN or (uneven > _DIM and preparing.grain(straight.picture) > _GRAINY)
        return (_EVEN, _PLAIN, _BINARY) if worse else (_PLAIN, _EVEN, _BINARY)

    @staticmethod
    def _lit(straight: _Straight, light: str) -> Picture:
        if light == _PLAIN:
            return straight.picture
        if light == _EVEN:
            grainy = preparing.grain(straight.picture) > _GRAINY
            return preparing.evened(
                preparing.smoothed(straight.picture, straight.letter) if grainy else straight.picture
            )
        return preparing.binarised(straight.picture, straight.letter, adaptive=light == _BINARY)


def _turned_back(wide: int, high: int, quarters: int) -> Matrix:
    """From a picture that was turned clockwise to the one of this size that it was."""
    match quarters % 4:
        case 1:
            return np.array([[0, 1, 0], [-1, 0, high], [0, 0, 1]], np.float64)
        case 2:
            return np.array([[-1, 0, wide], [0, -1, high], [0, 0, 1]], np.float64)
        case 3:
            return np.array([[0, -1, wide], [1, 0, 0], [0, 0, 1]], np.float64)
    return np.eye(3)


def _on_page(lines: list[Line], to_page: Matrix) -> list[Line]:
    return [
        [Spotted(word.text, word.confidence, preparing.mapped_box(word.box, to_page)) for word in line]
        for line in lines
    ]


def _without_noise(runs: list[list[Spotted]]) -> list[list[Spotted]]:
    """Without what a table's grain and folds look like: specks that are no letters, and lines that nobody believes."""
    kept = [[word for word in run if word.confidence > (0.1 if _is_word(word.text) else 0.5)] for run in runs]
    return [run for run in kept if max((word.confidence for word in run), default=0.0) > 0.3]


def _is_word(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _moved(word: Spotted, x: float, y: float) -> Spotted:
    left, top, right, bottom = word.box
    return Spotted(word.text, word.confidence, (left + x, top + y, right + x, bottom + y))
