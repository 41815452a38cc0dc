"""Long texts in pieces that a model of sentences can read: pure.

The model makes one vector of a text by taking the mean over its words, so that of a page nothing in particular is left.
"""

from __future__ import annotations

import re
from typing import Final

CHUNK: Final = 400  # characters: four or five sentences
MOST: Final = 64  # pieces of one text; of a longer one as many, evenly spread, the first and the last among them

# Where a text may be cut, the best first: a paragraph, a line, a sentence (also of Chinese and Japanese), a word.
_CUTS: Final = tuple(map(re.compile, (r"\n\s*\n", r"\n", r"[.!?。！？]+\s*", r"\s+")))  # noqa: RUF001 - theirs
_BLANKS: Final = re.compile(r"[ \t\r\f\v\u00a0]+")


def chunks(text: str, size: int = CHUNK, most: int = MOST) -> list[str]:
    """The pieces of a text, none longer than ``size`` characters; none of a text of blanks."""
    text = _BLANKS.sub(" ", text).strip()
    found: list[str] = []
    start = 0
    while start < len(text):
        end = start + size if start + size >= len(text) else _cut(text, start, start + size)
        piece = " ".join(text[start:end].split())
        if piece:
            found.append(piece)
        start = end
    if len(found) <= most:
        return found
    return [found[index * (len(found) - 1) // (most - 1)] for index in range(most)]


def _cut(text: str, start: int, end: int) -> int:
    """The best place for a cut in the second half of a piece; its end if there is none."""
    half = start + (end - start) // 2
    for pattern in _CUTS:
        places = [match.end() for match in pattern.finditer(text, half, end)]
        if places:
            return places[-1]
    return end
