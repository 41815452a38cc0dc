"""What somebody wrote in a mail, without what the mail quotes."""

from __future__ import annotations

import re
from typing import Final

from perdure_sdk.reading.words import fold

_QUOTED: Final = re.compile(
    r"\n\s*(?:>|-{2,} ?\w[^\n]{3,40}-{2,}\s*\n|_{10,}\n"
    r"|(?:on|am|le|el|il|op|em) [^\n]{6,200}(?:\n[^\n]{0,80})?"
    r"(?:wrote|schrieb|a ecrit|escribio|ha scritto|schreef|escreveu) ?:"
    r"|\*?(?:from|von|de|da|van)\*? ?: [^\n]+\n"
    r"\s*\*?(?:sent|gesendet|envoye|enviado|inviato|verzonden|date|datum|to|an|a)\*? ?:)"
)
_FORWARDED: Final = re.compile(r"forward|weitergeleit|transfere|reenviado|inoltrat|doorgestuurd")


def own_text(text: str) -> str:
    """A mail's text up to what it quotes; all of it, if it forwards a mail without a word of its own."""
    folded = "\n" + "".join(fold(letter)[:1] or letter for letter in text)  # as long as the text
    match = _QUOTED.search(folded)
    if match is None or (not folded[: match.start()].strip() and _FORWARDED.search(folded[:300])):
        return text
    return text[: max(match.start() - 1, 0)]
