"""What a worker process may not do any more: take more memory than it was given, write files, leave a core behind."""

from __future__ import annotations

import resource


def confine(memory_bytes: int) -> None:
    """Give up, for good, what a worker does not need. Called in the child, before anything of a stranger is read."""
    for limit, wanted in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, most = resource.getrlimit(limit)
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(limit, (value, value))
