"""What a docstring says, for pages that are made of it. Pure."""

from __future__ import annotations

import re
from typing import Final

_ATTRIBUTE: Final = re.compile(r"    (\w+(?:, \w+)*): (.*)")


def attributes(text: str) -> tuple[str, dict[str, str]]:
    """A docstring without its list of attributes, and what that says of each."""
    about, found, listed = text.partition("\n\nAttributes:\n")
    meanings: dict[str, str] = {}
    names: list[str] = []
    for line in listed.splitlines() if found else ():
        if match := _ATTRIBUTE.match(line):
            names = match[1].split(", ")
            meanings.update(dict.fromkeys(names, match[2]))
        elif line.strip():
            meanings.update({name: f"{meanings[name]} {line.strip()}" for name in names})
    return about, meanings


def plain(text: str) -> str:
    """Markdown's backticks for those of docstrings."""
    return text.replace("``", "`")
