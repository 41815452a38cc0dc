"""A log of four streams in seven frames, small enough to know every place in it, and ways to damage it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from tests.support.job_events import (
    Ticks,
    completed,
    dispatched,
    installed,
    items,
    job_id,
    put_module,
    run_of,
    runtime_opened,
    started,
    warning,
)
from tests.support.log_file import Databases, behind_its_back

from perdure.store import (
    LmdbEventStore,
    store_payload,
)
from perdure.store import events as ev

JOB = ev.job_stream(job_id(1))
OTHER = ev.job_stream(job_id(2))
LARGE = b"p" * (ev.INLINE_LIMIT + 1)
# Where the log below has its frames: position -> stream number, first sequence.
FRAMES = {1: (1, 1), 3: (1, 3), 13: (2, 1), 15: (3, 1), 16: (1, 13), 19: (4, 1), 20: (1, 16)}


def write_small_log(folder: Path) -> None:
    """A log of four streams in seven frames, with a module and a blob."""
    with LmdbEventStore.open(folder, clock=Ticks(), map_size=1 << 20) as store:
        put_module(store)
        store.append(JOB, [dispatched(job_id(1)), started()])
        store.append(JOB, run_of(10))
        store.append(OTHER, [dispatched(job_id(2)), started()])
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
        saved = ev.CheckpointSaved(call=12, fuel=120, state=store_payload(store.blobs, LARGE))
        store.append(JOB, [warning(11, "a known message"), saved, items(13)])
        store.append(ev.extension_stream("test-extension"), [installed()])
        store.append(JOB, [items(14), completed(200)])


def frame_at(databases: Databases, position: int) -> tuple[bytes, bytes]:
    return next(pair for pair in databases.items("log") if pair[0] == struct.pack(">Q", position))


def change_frame(folder: Path, position: int, change: Callable[[bytes], bytes]) -> None:
    with behind_its_back(folder) as databases:
        key, frame = frame_at(databases, position)
        changed = change(frame)
        assert changed != frame
        databases.put("log", key, changed)


def replace(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda frame: frame.replace(old, new)


def delete(folder: Path, name: str, key: bytes) -> None:
    with behind_its_back(folder) as databases:
        databases.delete(name, key)


def put(folder: Path, name: str, key: bytes, value: bytes) -> None:
    with behind_its_back(folder) as databases:
        databases.put(name, key, value)
