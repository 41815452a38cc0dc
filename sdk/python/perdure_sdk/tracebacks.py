"""Where an exception was raised, with the names of files as the author knows them."""

from __future__ import annotations

import sys
import traceback
from pathlib import PurePosixPath
from typing import Final

_MOST: Final = 32_000  # characters
_OWN: Final = __name__.partition(".")[0]


def traceback_of(error: BaseException) -> str:
    """The traceback as Python prints it, of at most 32,000 characters.

    Files are named from the folder on ``sys.path`` that they are in; calls within this package before the author's code
    are left out.
    """
    found = traceback.TracebackException.from_exception(error)
    _tidy(found, set())
    text = "".join(found.format())
    return text if len(text) <= _MOST else f"{text[: _MOST // 2]}\n…\n{text[-_MOST // 2 :]}"


def _tidy(found: traceback.TracebackException | None, seen: set[int]) -> None:
    if found is None or id(found) in seen:
        return
    seen.add(id(found))
    stack = found.stack
    while len(stack) > 1 and relative(stack[0].filename).partition("/")[0] == _OWN:
        del stack[0]
    for frame in stack:
        # Read while the name is still the one that it is found by.
        _ = frame.line
        frame.filename = relative(frame.filename)
    for other in (found.__cause__, found.__context__, *(found.exceptions or ())):
        _tidy(other, seen)


def relative(file: str) -> str:
    """A file's name from the longest folder on ``sys.path`` that it is in; as it is if it is in none."""
    best = ""
    for folder in sys.path:
        whole = folder.rstrip("/") + "/"
        if len(whole) > max(1, len(best)) and file.startswith(whole):
            best = whole
    if best:
        return file[len(best) :]
    return PurePosixPath(file).name if file.startswith("/") else file
