"""What somebody wrote in a mail, without what the mail quotes; and the mail that a mail passes on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from perdure_sdk.reading.words import fold

_QUOTED: Final = re.compile(
    r"\n\s*(?:>|-{2,} ?\w[^\n]{3,40}-{2,}\s*\n|_{10,}\n"
    r"|(?:on|am|le|el|il|op|em) [^\n]{6,200}(?:\n[^\n]{0,80})?"
    r"(?:wrote|schrieb|a ecrit|escribio|ha scritto|schreef|escreveu)(?: [^\n]{1,80})? ?:"
    r"|\*?(?:from|von|de|da|van)\*? ?: [^\n]+\n"
    r"\s*\*?(?:sent|gesendet|envoye|enviado|inviato|verzonden|date|datum|to|an|a)\*? ?:)"
)
_FORWARDING: Final = r"forwarded|weitergeleitet|transfere|reenviado|inoltrat|doorgestuurd|encaminhad"
_MARKED: Final = re.compile(rf"\n[>\s]*(?:-{{2,}} ?|begin |debut |anfang )[^\n]*(?:{_FORWARDING})[^\n]*\n+")
_HEADERS: Final = re.compile(r"\n[>\s]*\*?(?:from|von|de|da|van)\*? ?: ?[^\n]+\n[>\s]*\*?[a-z]{1,12}\*? ?:")
_SUBJECT: Final = re.compile(r"\s*(?:fwd?|wg|tr|rv|i|enc|doorst) ?:")
_HEADER: Final = re.compile(r"[>\s]*\*?([^\W\d_]{1,14})\*? ?: ?(.*)")
_ADDRESS: Final = re.compile(r"\"?([^\"<\n]*?)\"? ?<?([^\s<>]+@[^\s<>\]]+)>?")
_FROM: Final = frozenset({"from", "von", "de", "da", "van"})


@dataclass(frozen=True)
class Forwarded:
    """A mail that another one passes on: whom it was from, as far as that is said, and its text."""

    name: str
    address: str
    text: str


def own_text(text: str) -> str:
    """A mail's text up to what it quotes."""
    match = _QUOTED.search(_comparable(text))
    return text if match is None else text[: max(match.start() - 1, 0)]


def forwarded(text: str, subject: str) -> Forwarded | None:
    """The mail that a mail passes on, by what stands before it, or by the subject; None if it passes none on."""
    folded = _comparable(text)
    match = _MARKED.search(folded)
    if match is None and _SUBJECT.match(fold(subject)):
        found = _HEADERS.search(folded)
        start = found.start() if found else None
    else:
        start = match.end() - 1 if match else None
    if start is None:
        return None
    name = address = ""
    lines = text[start:].lstrip("\n").split("\n")
    for number, line in enumerate(lines):
        header = _HEADER.fullmatch(line)
        if header is None:
            return Forwarded(name, address, "\n".join(lines[number:]))
        if fold(header[1]) in _FROM and (sender := _ADDRESS.search(header[2])):
            name, address = sender[1].strip(), sender[2]
    return Forwarded(name, address, "")


def _comparable(text: str) -> str:
    """The text folded letter by letter, so that places stay, behind an end of line."""
    return "\n" + "".join(fold(letter)[:1] or letter for letter in text)
