"""What was in the process's memory does not reach the log's file by way of the unused ends of its pages."""

from __future__ import annotations

import ctypes
from pathlib import Path

from tests.support.job_events import runtime_opened
from tests.support.log_file import data_file

from perdure.store import LmdbEventStore
from perdure.store.events import RUNTIME_STREAM

MARK = b"a secret that this process once had in its memory. "
PAGE = 4096


def leave_in_memory() -> None:
    """Fill memory of the size of LMDB's pages, and give it back."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    page = (MARK * (PAGE // len(MARK) + 1))[:PAGE]
    blocks = [libc.malloc(PAGE) for _ in range(512)]
    for block in blocks:
        ctypes.memmove(block, page, PAGE)
    # Every other one, so that they are not joined and handed back to the system.
    for block in blocks[::2]:
        libc.free(block)


def test_pages_are_cleared_before_they_are_written(tmp_path: Path) -> None:
    with LmdbEventStore.open(tmp_path) as store:
        for _ in range(20):
            leave_in_memory()
            store.append(RUNTIME_STREAM, [runtime_opened()])
    assert MARK not in data_file(tmp_path).read_bytes()
