"""Words with their places become the lines that a person sees. Pure.

What stands side by side is one line, however far apart: on a receipt the price is at the other edge of the paper. Sets
of words that belong together already (what Tesseract found as one line, which it follows even where paper bends) are
kept, and joined to each other by the ends that face each other.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from perdure.runtime.ai.ocr.messages import Box

_OVERLAP: Final = 0.5  # of the smaller height, of two words that stand on one line
_ALIKE: Final = 0.35  # the least that the smaller of two heights is of the larger: fine print does not join a headline
_COLUMN: Final = 1.8  # in widths of a letter: the narrowest gap that is more than a blank, also in a typewriter's font
_PARAGRAPH: Final = 1.5  # in usual distances of two lines: the least that makes an empty line
_SPLIT: Final = 0.75  # in widths of a letter: after a comma within a number; a blank is wider
_BEGUN: Final = re.compile(r"\d[.,]$")
_ENDED: Final = re.compile(r"\d\d\d?(?!\d)")


class Spotted(msgspec.Struct, frozen=True):
    """A word where it was found, with how sure that is (0 to 1)."""

    text: str
    confidence: float
    box: Box

    @property
    def height(self) -> float:
        """Of its box."""
        return self.box[3] - self.box[1]

    @property
    def middle(self) -> float:
        """Half way down."""
        return (self.box[1] + self.box[3]) / 2


Run = Sequence[Spotted]
Line = list[Spotted]


def visual_lines(runs: Iterable[Run]) -> list[Line]:
    """Lines from top to bottom, words from left to right.

    Args:
        runs: words that belong together, in the order of reading; one alone is a run, too.
    """
    ordered = sorted((list(run) for run in runs if run), key=lambda run: run[0].box[0])
    if not ordered:
        return []
    step = max(statistics.median(word.height for run in ordered for word in run), 1e-6)
    lines: list[Line] = []
    near: dict[int, list[int]] = {}  # lines by where their last word stands, in steps
    for run in ordered:
        place = int(run[0].middle // step)
        candidates = {index for at in range(place - 2, place + 3) for index in near.get(at, ())}
        fits = [(fit, index) for index in candidates if (fit := _fit(lines[index][-1], run[0])) > 0]
        if fits:
            _, index = max(fits)
            lines[index].extend(run)
        else:
            index = len(lines)
            lines.append(run)
        at = int(lines[index][-1].middle // step)
        if index not in near.setdefault(at, []):
            near[at].append(index)
    return sorted(lines, key=lambda line: (statistics.fmean(word.middle for word in line), line[0].box[0]))


def _fit(left: Spotted, right: Spotted) -> float:
    """How much two words look like neighbours on a line, in parts of the smaller height; 0: they are none."""
    shorter, taller = sorted((left.height, right.height))
    if right.box[0] < left.box[2] - max(shorter, 0.3 * taller):
        return 0.0  # they stand above each other
    if shorter < _ALIKE * taller and _is_word(left.text) and _is_word(right.text):
        return 0.0
    shared = min(left.box[3], right.box[3]) - max(left.box[1], right.box[1])
    part = shared / shorter if shorter > 0 else float(shared >= 0)
    return part if part >= _OVERLAP else 0.0


def _is_word(text: str) -> bool:
    return any(character.isalnum() for character in text)


def page_text(lines: Sequence[Line]) -> tuple[str, list[int]]:
    """The text of a page, and for each line its number in it: empty ones stand where there is a gap."""
    if not lines:
        return "", []
    middles = [statistics.fmean(word.middle for word in line) for line in lines]
    steps = [below - above for above, below in itertools.pairwise(middles)]
    height = statistics.median(max(word.height for word in line) for line in lines)
    # At least two lines' height, for pages where hardly two lines stand together.
    far = max(_PARAGRAPH * statistics.median(steps), 2 * height) if steps else 0.0
    letter = _letter_width([word for line in lines for word in line])
    texts = [_line_text(lines[0], letter)]
    numbers = [0]
    for line, step in zip(lines[1:], steps, strict=True):
        if step > far:
            texts.append("")
        numbers.append(len(texts))
        texts.append(_line_text(line, letter))
    return "\n".join(texts), numbers


def _line_text(line: Line, usual: float) -> str:
    letter = _letter_width(line) if sum(len(word.text) for word in line) >= 8 else usual
    parts = [line[0].text]
    for before, word in itertools.pairwise(line):
        parts.append("  " if word.box[0] - before.box[2] > _COLUMN * letter else " ")
        parts.append(word.text)
    return "".join(parts)


def _letter_width(words: Sequence[Spotted]) -> float:
    letters = sum(len(word.text) for word in words)
    return sum(word.box[2] - word.box[0] for word in words) / letters if letters else 0.0


def confidence_of(words: Iterable[Spotted]) -> float:
    """The mean of the words' confidence, by their letters; 0 for none."""
    letters, sum_ = 0, 0.0
    for word in words:
        letters += len(word.text)
        sum_ += len(word.text) * word.confidence
    return sum_ / letters if letters else 0.0


def worth(words: Iterable[Spotted]) -> float:
    """How good a reading is: letters that are likely right count for it, those that are likely wrong against it."""
    return sum(len(word.text) * (word.confidence - 0.5) for word in words)


def whole_numbers(line: Line) -> Line:
    """With amounts in one piece: in fonts where all letters are equally wide, ``14,08`` is often found as two words."""
    letter = _letter_width(line)
    joined: Line = []
    for word in line:
        before = joined[-1] if joined else None
        near = before is not None and word.box[0] - before.box[2] < _SPLIT * letter
        if before is not None and near and _BEGUN.search(before.text) and _ENDED.match(word.text):
            joined[-1] = _together(before, word)
        else:
            joined.append(word)
    return joined


def _together(left: Spotted, right: Spotted) -> Spotted:
    tops, bottoms = (left.box[1], right.box[1]), (left.box[3], right.box[3])
    box = (left.box[0], min(tops), right.box[2], max(bottoms))
    return Spotted(left.text + right.text, min(left.confidence, right.confidence), box)
