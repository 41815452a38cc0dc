"""What the web process allows itself: files enough for its connections, and no more memory than it should need."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

_OTHER_FILES: Final = 256  # the log, the link, the page's files


def allow_connections(wanted: int) -> int:
    """Let this process open files for ``wanted`` connections; returns for how many it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _OTHER_FILES))


def limit_memory(size: int) -> None:
    """Let this process have ``size`` bytes of its own; the log, which it maps from the disk, is not among them.

    The last resort: whatever has no limit of its own ends in a MemoryError here, not in the kernel ending the engine.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        size = min(size, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (size, hard))
