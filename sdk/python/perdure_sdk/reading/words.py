"""Words as patterns, and which language a text is in."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

# Read while a component is built.
WORDS: Final[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
_ENOUGH: Final = 3  # words of a language in a text


def fold(text: str) -> str:
    """The text in lower case, without accents and typographic marks, to be compared with words that are so, too."""
    text = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss").replace("’", "'"))
    return "".join(letter for letter in text if not unicodedata.combining(letter))


def pattern(words: Iterable[str]) -> re.Pattern[str]:
    """What finds one of the words, regular expressions, as whole words of a folded text."""
    return re.compile(rf"(?<![a-z])(?:{'|'.join(words)})(?![a-z])")


def language_of(text: str) -> str:
    """The language of a text by its small words, as ISO 639-2 says it (``eng``); empty if there are too few."""
    words = re.findall(r"[a-z]+", fold(text))
    counts = {name: sum(word in own for word in words) for name, own in WORDS["language"].items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= _ENOUGH else ""
