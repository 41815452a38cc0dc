"""Landlock: a process gives up the file system, and TCP, for itself and for good.

Linux 5.13 and later; the numbers are those of ``linux/landlock.h``, and the system calls have one number on all
architectures but Alpha. What a kernel does not know yet is left out: see `rights`.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_ASK_VERSION: Final = 1
_PATH_BENEATH: Final = 1

_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
# What each version can forbid, beside what those before it can: of files, of the network, of other processes.
_FILES: Final = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_NETWORK: Final = {4: 0b11}  # bind and connect of TCP
_SCOPES: Final = {6: 0b11}  # abstract sockets and signals of processes outside


def version() -> int:
    """The kernel's version of Landlock; 0 if it has none, or it is switched off."""
    return max(0, int(_syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)))


def rights(known: int) -> tuple[int, int, int]:
    """All that a version can forbid: of files, of the network, of other processes. Pure."""
    return (
        sum(bits for since, bits in _FILES.items() if since <= known),
        sum(bits for since, bits in _NETWORK.items() if since <= known),
        sum(bits for since, bits in _SCOPES.items() if since <= known),
    )


def restrict_to(readable: Iterable[Path], listable: Iterable[Path] = ()) -> int:
    """Forbid this thread, and what it starts, all that can be forbidden, but reading what is beneath these paths.

    Of what is beneath ``listable`` only the names can be read.

    The thread must have given up new privileges (``PR_SET_NO_NEW_PRIVS``). Paths that are not there are passed over.

    Returns:
        The kernel's version; 0: nothing is forbidden.

    Raises:
        OSError: the kernel has Landlock and refuses all the same.
    """
    known = version()
    if known == 0:
        return 0
    files, network, scopes = rights(known)
    attributes = struct.pack("=QQQ", files, network, scopes)[: 8 if known < 4 else 16 if known < 6 else 24]
    ruleset = _checked(_syscall(_CREATE_RULESET, attributes, len(attributes), 0))
    try:
        for path in readable:
            _allow(ruleset, path, _READ_FILE | _READ_DIR)
        for path in listable:
            _allow(ruleset, path, _READ_DIR)
        _checked(_syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return known


def _allow(ruleset: int, path: Path, allowed: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        # A rule for what is no directory may only have the rights that files have.
        allowed = allowed if path.is_dir() else _READ_FILE
        # One that the kernel does not take, such as a file of no file system, stays forbidden; all others hold.
        _syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", allowed, place), 0)
    finally:
        os.close(place)


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    """A system call that glibc and musl have no function for; the result as the kernel says it, errors below zero."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    given = [ctypes.c_long(one) if isinstance(one, int) else ctypes.c_char_p(one) for one in arguments]
    result: int = call(ctypes.c_long(number), *given)
    return result if result >= 0 else -ctypes.get_errno()


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result
