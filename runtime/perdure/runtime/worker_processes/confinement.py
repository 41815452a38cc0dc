"""What a worker process gives up, for good, before anything of a stranger is read.

======================================  =========================================================================
more memory than it was given           everywhere but where the system refuses such limits (macOS: address space)
files that grow, core dumps             everywhere
new privileges, tracing by others       Linux
writing and deleting, and reading what  Linux 5.13 and later, with Landlock switched on
is no part of Python or the system
TCP; signals to others                  Linux 6.7; 6.12
sockets of every kind, other programs,  Linux on x86-64 and aarch64, with seccomp
processes of its own
======================================  =========================================================================

What a system does not have is left out: a decoder is then held by what remains. `confine` says what holds.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import resource
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from perdure.runtime.worker_processes import landlock
from perdure.runtime.worker_processes.readable import listable_paths, readable_paths
from perdure.runtime.worker_processes.system_calls import refuse_system_calls

_SET_DUMPABLE: Final = 4  # prctl; linux/prctl.h
_SET_NO_NEW_PRIVILEGES: Final = 38
_MOST_FILES: Final = 256  # that are open at once


class Confined(msgspec.Struct, frozen=True):
    """What holds from now on: the limits, Landlock's version (0: none), and whether system calls are refused."""

    limits: frozenset[str]
    landlock: int
    system_calls: bool


def confine(memory_bytes: int, readable: Iterable[Path] = ()) -> Confined:
    """Give up, for good, what a worker does not need. Called in the child, before anything of a stranger is read.

    ``readable``: what it may read beside Python and the system's libraries.
    """
    limits = _limit(memory_bytes)
    if sys.platform != "linux":
        return Confined(limits, 0, False)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SET_DUMPABLE, ctypes.c_ulong(0), 0, 0, 0)  # its memory is nobody else's to look at
    libc.prctl(_SET_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), 0, 0, 0)
    known = 0
    with contextlib.suppress(OSError):  # inside a sandbox that has forbidden it already, or 16 of them
        known = landlock.restrict_to(itertools.chain(readable_paths(), readable), listable_paths())
    return Confined(limits, known, refuse_system_calls())


def _limit(memory_bytes: int) -> frozenset[str]:
    done = set()
    for name, value in (
        ("RLIMIT_AS", memory_bytes),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NOFILE", _MOST_FILES),
    ):
        limit = getattr(resource, name)
        with contextlib.suppress(ValueError, OSError):
            _, most = resource.getrlimit(limit)
            value = value if most == resource.RLIM_INFINITY else min(value, most)  # noqa: PLW2901 - the lower of two
            resource.setrlimit(limit, (value, value))
            done.add(name)
    return frozenset(done)
