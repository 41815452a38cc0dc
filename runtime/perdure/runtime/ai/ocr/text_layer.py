"""Words from the characters of a PDF's page, and whether they make sense. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

import msgspec

from perdure.runtime.ai.ocr.layout import Spotted
from perdure.runtime.ai.ocr.messages import Box

_GAP: Final = 0.3  # in heights: the least distance between two characters that parts two words
_BACK: Final = 0.6  # how far a character may begin before the end of the one before, for kerning
_LIGATURES: Final = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_VOWELS: Final = frozenset("aeiouyæœø")
_A_PICTURE: Final = 0.15  # of the page: larger than a letter's head
_A_STAMP: Final = 25  # words: fewer may be one
_FEW: Final = 12  # letters; fewer are no sample


class Character(msgspec.Struct, frozen=True):
    """A character where it stands. ``unmapped``: the PDF does not say which one its glyph is."""

    text: str
    box: Box
    unmapped: bool = False


class Layer(msgspec.Struct, frozen=True):
    """The text of a page as the PDF has it.

    ``unmapped`` is the part of its characters that nobody knows, ``pictures`` the part of the page under pictures.
    """

    words: list[Spotted]
    unmapped: float
    pictures: float


def words_of(characters: Sequence[Character | None]) -> list[Spotted]:
    """Words of characters in their order; None stands for a blank."""
    words: list[Spotted] = []
    part: list[Character] = []

    def end() -> None:
        if part:
            words.append(_word(part))
            part.clear()

    for character in characters:
        if character is None:
            end()
            continue
        if part and not _follows(part[-1].box, character.box):
            end()
        part.append(character)
    end()
    return _once(words)


def _follows(before: Box, box: Box) -> bool:
    height = max(before[3] - before[1], box[3] - box[1])
    shared = min(before[3], box[3]) - max(before[1], box[1])
    if shared < 0.3 * min(before[3] - before[1], box[3] - box[1]):
        return False
    return -_BACK * height <= box[0] - before[2] <= _GAP * height


def _word(part: list[Character]) -> Spotted:
    text = "".join(character.text for character in part).translate(_LIGATURES)
    lefts, tops, rights, bottoms = zip(*(character.box for character in part), strict=True)
    return Spotted(unicodedata.normalize("NFC", text), 1.0, (min(lefts), min(tops), max(rights), max(bottoms)))


def _once(words: list[Spotted]) -> list[Spotted]:
    """Without what is drawn twice in one place, a poor man's bold."""
    seen: set[tuple[str, int, int]] = set()
    kept: list[Spotted] = []
    for word in words:
        # In thirds of its height; its neighbours too, for two that lie on either side of a boundary.
        step = max(word.height / 3, 0.1)
        column, row = round(word.box[0] / step), round(word.box[1] / step)
        if any((word.text, column + right, row + down) in seen for right in (-1, 0, 1) for down in (-1, 0, 1)):
            continue
        seen.add((word.text, column, row))
        kept.append(word)
    return kept


def is_good(layer: Layer) -> bool:
    """Whether a page's text can stand for the page.

    It cannot if its characters are unknown, if it is no language, or if it is a stamp on a scan, or a line beside a
    picture: a few words on a page with a picture that may hold the rest.
    """
    text = "".join(word.text for word in layer.words)
    if not text:
        return False
    if layer.pictures > _A_PICTURE and len(layer.words) < _A_STAMP:
        return False
    return layer.unmapped < 0.1 and makes_sense([word.text for word in layer.words])


def makes_sense(words: Sequence[str]) -> bool:
    """Whether words could be somebody's language: characters that are for reading, letters that can be spoken.

    Fonts that were cut down badly give private characters, or letters shifted by some places: ``7RWDO`` for ``Total``.
    """
    text = "".join(words)
    if not text or sum(map(_is_odd, text)) > 0.1 * len(text):
        return False
    readable = sum(character.isalnum() for character in text)
    if readable < 0.4 * len(text):
        return False
    latin = [plain for word in words if len(plain := _plain(word)) >= 4 and plain.isascii() and plain.isalpha()]
    letters = sum(map(len, latin))
    if letters < _FEW:
        return True
    vowels = sum(letter in _VOWELS for word in latin for letter in word)
    spoken = sum(any(letter in _VOWELS for letter in word) for word in latin)
    return 0.2 <= vowels / letters <= 0.75 and spoken >= 0.6 * len(latin)


def _plain(word: str) -> str:
    """In small letters, without accents and without what stands around it."""
    decomposed = unicodedata.normalize("NFD", word.lower())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).strip(".,:;!?()[]\"'*-/")


def _is_odd(character: str) -> bool:
    # Unassigned, private, control, surrogate; and what stands for a character that is lost.
    return character == "\ufffd" or unicodedata.category(character) in ("Cn", "Co", "Cc", "Cs")
