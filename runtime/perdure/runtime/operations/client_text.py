"""Docstrings of generated clients. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Final

WIDTH: Final = 120


def docstring(text: str, indent: int) -> list[str]:
    """The lines of a docstring, wrapped; lists such as those of attributes stay lists."""
    text = re.sub(r"(?<!`)`([^`\n]+)`(?!`)", r"``\1``", text.strip()).replace("\\", "\\\\").replace('"""', "'''")
    pad = " " * indent
    if "\n" not in text and len(text) + indent + 6 <= WIDTH:
        return [f'{pad}"""{text}"""']
    lines: list[str] = []
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            lines.append("")
        lines += _wrapped(paragraph, pad, 3 if number == 0 else 0)
    return [f'{pad}"""{lines[0].strip()}', *lines[1:], f'{pad}"""']


def _wrapped(paragraph: str, pad: str, taken: int) -> Iterator[str]:
    """A paragraph's lines; ``taken`` is what the quotes take of the first."""
    rows = paragraph.splitlines()
    listed = rows[0].rstrip().endswith(":") and len(rows) > 1
    groups: list[str] = []
    for row in rows:
        if groups and not (listed and (len(groups) == 1 or re.match(r"    \S", row))):
            groups[-1] = f"{groups[-1]} {row.strip()}"
        else:
            groups.append(row)
    for number, group in enumerate(groups):
        inner = pad + " " * (len(group) - len(group.lstrip()))
        hanging = inner + ("    " if listed and number else "")
        yield from textwrap.wrap(
            group.strip(), WIDTH - (taken if number == 0 else 0), initial_indent=inner, subsequent_indent=hanging
        )
