"""The words of words.toml as patterns; the file is read while the component is built."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

WORDS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))


def fold(text: str) -> str:
    """The text in lower case, without accents and typographic marks."""
    text = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss").replace("’", "'"))
    return "".join(letter for letter in text if not unicodedata.combining(letter))


def pattern(words: Iterable[str]) -> re.Pattern[str]:
    """What finds one of the words in a folded text."""
    return re.compile(rf"(?<![a-z])(?:{'|'.join(words)})(?![a-z])")


FIND = {name: pattern(words) for name, words in WORDS["find"].items()}
LABELS = [(label["kind"], label["score"], pattern(label["words"])) for label in WORDS["label"]]
MONTHS = {word: int(number) for number, words in WORDS["month"].items() for word in words}


def language_of(text: str) -> str:
    """Tesseract's name of the language that the text's small words are of; empty if there are too few."""
    words = re.findall(r"[a-z]+", fold(text))
    counts = {name: sum(word in own for word in words) for name, own in WORDS["language"].items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= 3 else ""
