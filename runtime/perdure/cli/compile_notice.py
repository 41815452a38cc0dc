"""What people see while a module is compiled: a Python guest takes seconds, once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Final

from rich.errors import LiveError

from perdure.cli.output import Output
from perdure.cli.terminal_text import size as size_text

_SMALL: Final = 1 << 20  # bytes; what is smaller is compiled before anybody could read a line about it


@contextlib.contextmanager
def compile_notice(output: Output, size: int) -> Iterator[None]:
    """Show that a module of so many bytes is compiled: a moving line on a terminal, and how long it took."""
    if size < _SMALL:
        yield
        return
    text = f"compiling {size_text(size)} of WebAssembly, once for this version"
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        try:
            if output.live:
                stack.enter_context(output.notes.status(f"perdure: {text} …"))
            else:
                output.say(f"{text} …")
        except LiveError:  # there are bars already
            output.say(f"{text} …")
        yield
    output.say(f"compiled {size_text(size)} in {time.monotonic() - began:.1f} s")
