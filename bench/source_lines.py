"""Counting lines of source, without blank ones and comments, and which of them are the job itself."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_BEGIN: Final = "the job"
# A whole line, or several, that say something to people only.
_COMMENT: Final = re.compile(r'^\s*(?://.*|#(?!\[|include|define|pragma).*|/\*.*\*/|""".*""")$')
_MARK: Final = re.compile(r"^\s*(?://|#|/\*) (the job|the end of the job)(?: \*/)?$")


class Lines(msgspec.Struct, frozen=True):
    """How many there are; ``job`` of them say what the job does, the others are there for the host or the language."""

    all: int
    job: int

    @property
    def boilerplate(self) -> int:
        """The others."""
        return self.all - self.job


def count(text: str) -> Lines:
    """Count. The job's own lines stand between the comments ``the job`` and ``the end of the job``.

    Comments are lines that begin with ``//`` or ``#``, and ``/* … */`` and docstrings that stand on one line.

    Raises:
        ValueError: the marks are not in pairs, or there are none.
    """
    every = own = marks = 0
    within = False
    for line in text.splitlines():
        if (mark := _MARK.match(line)) is not None:
            if (mark[1] == _BEGIN) is within:
                raise ValueError(f"a mark where none belongs: {line!r}")
            within = not within
            marks += 1
        elif line.strip() and not _COMMENT.match(line):
            every += 1
            own += within
    if within or not marks:
        raise ValueError("the marks of the job are not in pairs")
    return Lines(every, own)
