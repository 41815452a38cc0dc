"""The lines of a document, the amounts in them, and what the words before an amount say that it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from perdure_sdk.reading.amounts import Amount, amounts_in, repaired
from perdure_sdk.reading.words import fold, pattern

_SPACED: Final = re.compile(r"(?<![\d.,])\d{1,3} \d{3},\d\d(?!\d)")
_LETTER: Final = re.compile(r"[a-z]")
_CODES: Final = re.compile(r"\b(?:eur|usd|gbp|chf|aud|cad|rm|[a-z])\b(?!\.)")
_MISREAD: Final = re.compile(r"(?<=[a-z])[01](?=[a-z])|(?<=[a-z]{3})1\b")
_HEADING: Final = 40  # characters of a line that says what is below it
_SENTENCE: Final = 60  # from here on, words before an amount are no label


class Labels:
    """Kinds of amounts by the words before them: the first kind that fits is it.

    Args:
        kinds: for each its ``kind``, its ``score`` and its ``words``, regular expressions.
    """

    def __init__(self, kinds: Iterable[Mapping[str, Any]]) -> None:
        self.patterns = {str(one["kind"]): pattern(one["words"]) for one in kinds}
        self._scores = {str(one["kind"]): float(one["score"]) for one in kinds}

    def of(self, words: str) -> tuple[str, float]:
        """The kind that folded words say, and how much they say; ``("", 0)`` if they say none."""
        words = _MISREAD.sub(lambda digit: "ol"[int(digit[0])], words).strip(" .:-*|=_")
        for kind, found in self.patterns.items():
            if found.search(words):
                return kind, self._scores[kind] * (1 if len(words) < _SENTENCE else 0.5)
        return "", 0.0


@dataclass
class Line:
    """A line that is not empty. ``page`` and ``number`` count from 1; ``box`` is left, top, right, bottom.

    ``folded`` is its text to be compared; ``amounts`` each have a kind and a score.
    """

    text: str
    page: int = 1
    number: int = 1
    box: list[float] | None = None
    folded: str = ""
    amounts: list[tuple[Amount, str, float]] = field(default_factory=list)

    @property
    def kinds(self) -> set[str]:
        """What its amounts are."""
        return {kind for _, kind, _ in self.amounts} - {""}

    @property
    def place(self) -> dict[str, Any]:
        """Where it stands, for people and for JSON."""
        box = {"box": self.box} if self.box else {}
        return {"page": self.page, "line": self.number, "text": self.text.strip()[:200], **box}


def lines_of_text(text: str) -> Iterator[Line]:
    """The lines of a text that has no pages."""
    return (Line(line, 1, number) for number, line in enumerate(text.splitlines(), 1))


def lines_of_pages(pages: Sequence[Any]) -> Iterator[Line]:
    """The lines of the pages that ``ai.ocr`` answers, what was misread in numbers put right."""
    for page in pages:
        boxes: dict[int, list[Sequence[float]]] = {}
        for word in page.words:
            boxes.setdefault(word.line, []).append(word.box)
        for number, text in enumerate(page.text.split("\n")):
            sides = list(zip(*boxes.get(number, ()), strict=True))
            box = [round(choose(side), 1) for choose, side in zip((min, min, max, max), sides, strict=False)]
            yield Line(repaired(text) if page.source == "ocr" else text, page.number, number + 1, box or None)


def labelled(lines: Iterable[Line], labels: Labels) -> list[Line]:
    """The lines that are not empty, with their amounts and what these are.

    Words before an amount speak for it, and for others behind it that have none of their own. Where a line has no
    words, a short line above speaks that has no amount itself.
    """
    found = [line for line in lines if line.text.strip()]
    spaces = any(_SPACED.search(line.text) for line in found)
    above = Line("")
    for line in found:
        line.folded = fold(line.text)
        lettered = _lettered(line.folded)
        start, said = 0, ("", 0.0)
        for amount in amounts_in(line.text, spaces=spaces):
            left = fold(line.text[start : amount.start])
            if _lettered(left):
                said = labels.of(left) if start == 0 or labels.of(left)[0] else said
            elif start == 0 and not above.amounts and not lettered and len(above.text) < _HEADING:
                kind, score = labels.of(above.folded)
                said = kind, score * 0.8
            line.amounts.append((amount, *said))
            start = amount.end
        above = line
    return found


def _lettered(folded: str) -> bool:
    """Whether there are words in it, not only a currency or the letter of a rate of tax."""
    return len(_LETTER.findall(_CODES.sub("", folded))) > 1
