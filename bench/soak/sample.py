"""What is looked at every few seconds while a soak runs."""

from __future__ import annotations

import sys
import threading
import time

import msgspec

from bench.footprint import footprint
from bench.soak.malloc import malloc
from perdure.runtime import Runtime
from perdure.store import LmdbEventStore


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One look; ``seconds`` since the load began, sizes in bytes.

    Attributes:
        private: memory that only this process has; ``resident`` is with the log's pages that are in memory.
        blocks: what Python's allocator has given out. Not Python's objects: to count them makes a list of them all.
        given_out, taken: memory of the C library's allocator, which LMDB and wasmtime use.
        log_file, log_used: the log on the disk, and how much of it has held pages.
        readers: taken slots of LMDB's table of readers.
        running, ended: jobs at this moment, and since the start.
        cpu: seconds of processor time since the start of the process.
        waiting: messages and events in all mailboxes and lanes.
    """

    seconds: float
    private: int
    resident: int
    address_space: int
    mappings: int
    threads: int
    descriptors: int
    blocks: int
    given_out: int
    taken: int
    log_file: int
    log_used: int
    readers: int
    running: int
    ended: int
    events: int
    cpu: float
    waiting: int


def look(runtime: Runtime, began: float, running: int, ended: int) -> Sample:
    """Now; ``began`` is on the monotonic clock. Garbage that is not collected yet counts, as it does in memory."""
    store = runtime.store
    if not isinstance(store, LmdbEventStore):
        raise TypeError("a log in memory")
    now = footprint()
    native = malloc()
    return Sample(
        seconds=time.monotonic() - began,
        private=now.private,
        resident=now.resident,
        address_space=now.address_space,
        mappings=now.mappings,
        threads=threading.active_count(),
        descriptors=now.descriptors,
        blocks=sys.getallocatedblocks(),
        given_out=native.given_out,
        taken=native.taken,
        log_file=(store.path / "log" / "data.mdb").stat().st_blocks * 512,
        log_used=store.map_usage()[0],
        readers=len(store.reader_pids()),
        running=running,
        ended=ended,
        events=store.position(),
        cpu=time.process_time(),
        waiting=sum(runtime.mailbox_depths().values()),
    )
