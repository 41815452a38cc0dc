"""The Unix socket in a data folder, by which its owner reaches the server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

NAME: Final = "server.sock"
_LONGEST: Final = 100  # bytes; the kernel's sockaddr_un has room for 107, macOS' for 103


def socket_path(data: Path) -> Path:
    """Where the socket of a data folder is."""
    return data / NAME


@contextlib.contextmanager
def short_name(path: Path) -> Iterator[str]:
    """A name for the socket that the kernel takes, however deep the folder is."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
