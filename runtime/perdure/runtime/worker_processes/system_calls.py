"""seccomp: system calls that a worker process has no use for answer "not permitted", for itself and for good.

Landlock knows nothing of UDP, of sockets that have a path, of a process that starts another; this does. It is a list of
what is refused, not of what is allowed: what a decoder calls differs from one C library to the next, and what is on the
list is never among it. The filter is classic BPF (``linux/filter.h``, ``linux/seccomp.h``), made here: the Python
packages for it are bindings of a C library that has to be installed beside them, and were last kept years ago.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Mapping
from typing import Final

_SET_SECCOMP: Final = 22  # prctl
_FILTER: Final = 2

_LOAD: Final = 0x20  # A = the word at k of struct seccomp_data
_EQUAL: Final = 0x15  # if A == k
_AT_LEAST: Final = 0x35  # if A >= k
_ANY_BIT: Final = 0x45  # if A & k
_RETURN: Final = 0x06

_NUMBER: Final = 0  # offsets in struct seccomp_data
_ARCHITECTURE: Final = 4
_FIRST_ARGUMENT: Final = 16  # its lower half, on a little-endian machine

_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_NOT_THERE: Final = 0x00050000 | errno.ENOSYS

_THREAD: Final = 0x00010000  # CLONE_THREAD
_FOREIGN: Final = 0x40000000  # x86-64 with other numbers (x32)

# What reaches other machines and programs, other processes, or parts of the kernel that are seldom looked at.
_NAMES: Final = (
    "socket socketpair bind connect listen execve execveat kill ptrace process_vm_readv process_vm_writev pidfd_open"
    " pidfd_send_signal pidfd_getfd io_uring_setup bpf perf_event_open userfaultfd add_key request_key keyctl unshare"
    " setns mount umount2 pivot_root chroot init_module finit_module kexec_load"
)
_X86_64: Final = (
    "41 53 49 42 50 59 322 62 101 310 311 434 424 438 425 321 298 323 248 249 250 272 308 165 166 155 161 175 313 246"
)
_AARCH64: Final = (
    "198 199 200 203 201 221 281 129 117 270 271 434 424 438 425 280 241 282 217 218 219 97 268 40 39 41 51 105 273 104"
)
_FORKS: Final = {"x86_64": (57, 58), "aarch64": ()}  # fork and vfork, where they are calls of their own
_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_CLONE3: Final = 435
_AUDIT: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_TABLES: Final[Mapping[str, Mapping[str, int]]] = {
    machine: dict(zip(_NAMES.split(), map(int, numbers.split()), strict=True))
    for machine, numbers in (("x86_64", _X86_64), ("aarch64", _AARCH64))
}


def refuse_system_calls() -> bool:
    """Have them refused, for this thread and what it starts, which must have given up new privileges.

    Returns:
        Whether they are: not where the kernel has no seccomp, or the machine is none whose numbers are known.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _TABLES or struct.calcsize("P") != 8:
        return False
    program = filter_program(machine)
    buffer = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_SET_SECCOMP, ctypes.c_ulong(_FILTER), ctypes.c_char_p(head), 0, 0) == 0)


def filter_program(machine: str) -> bytes:
    """The filter for ``x86_64`` or ``aarch64``. Pure."""
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        *_unless_equal(_AUDIT[machine], _REFUSE),
        _step(_LOAD, _NUMBER),
        *_if(_AT_LEAST, _FOREIGN, _REFUSE),
        # What its flags are cannot be seen from here; the C library falls back on the older call.
        *_if(_EQUAL, _CLONE3, _NOT_THERE),
    ]
    for number in (*_TABLES[machine].values(), *_FORKS[machine]):
        steps += _if(_EQUAL, number, _REFUSE)
    steps += [
        _step(_EQUAL, _CLONE[machine], 0, 3),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_ANY_BIT, _THREAD, 1, 0),
        _step(_RETURN, _REFUSE),
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)


def _if(comparison: int, value: int, answer: int) -> list[bytes]:
    return [_step(comparison, value, 0, 1), _step(_RETURN, answer)]


def _unless_equal(value: int, answer: int) -> list[bytes]:
    return [_step(_EQUAL, value, 1, 0), _step(_RETURN, answer)]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
