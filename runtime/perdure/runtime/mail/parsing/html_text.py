"""HTML as a person would read it, with the cells of a table's row in one line. Never fails.

Layout and tables are inscriptis', which keeps columns apart by spaces. What shows nothing (scripts, styles, comments)
is not in the text.
"""

from __future__ import annotations

import html
import logging
import re
from typing import Final

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

from perdure.runtime.mail.parsing.processor_time import OutOfTime, at_most

MAX_HTML: Final = 2 * 1024 * 1024  # characters; more is cut off

_SECONDS: Final = 10.0  # of processor time; a table of 70,000 rows takes that

_CONFIG: Final = ParserConfig(css=CSS_PROFILES["strict"].copy())
_HIDDEN: Final = re.compile(r"<(script|style|head|title)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_BREAK: Final = re.compile(r"<(?:br|/?p|/?div|/?tr|/?li|/?h[1-6]|/?table)\b[^>]*>", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^>]{0,10000}>")
_WIDE: Final = re.compile(r"[ \t\u00a0]{3,}")
# Shown by nobody, put in between letters to get past filters, and to fill a preview.
_INVISIBLE: Final = re.compile(r"[\u00ad\u034f\u200b-\u200f\u2060\ufeff]")
_DECLARATION: Final = re.compile(r"\A\s*<\?xml[^>]{0,200}\?>")


def text_of_html(markup: str) -> tuple[str, bool]:
    """The text, and whether all went well."""
    whole = len(markup) <= MAX_HTML
    # libxml2 refuses text, as opposed to bytes, that declares its encoding.
    markup = _DECLARATION.sub("", markup[:MAX_HTML]).replace("\x00", "")
    logging.getLogger("inscriptis").setLevel(logging.CRITICAL)
    try:
        with at_most(_SECONDS):
            text = tidied(get_text(markup, _CONFIG))
    except (OutOfTime, ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError):
        return tidied(_without_tags(markup)), False
    if text or not (rough := tidied(_without_tags(markup))):
        return text, whole
    return rough, False  # libxml2 leaves out what is nested deeper than 256 levels


def tidied(text: str) -> str:
    """Lines without trailing spaces, columns two spaces apart, at most one empty line in a row."""
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    lines: list[str] = []
    for line in text.split("\n"):
        shown = _WIDE.sub("  ", line.replace("\u00a0", " ")).strip()
        if shown or (lines and lines[-1]):
            lines.append(shown)
    return "\n".join(lines).strip("\n")


def _without_tags(markup: str) -> str:
    return html.unescape(_TAG.sub(" ", _BREAK.sub("\n", _HIDDEN.sub(" ", markup))))
