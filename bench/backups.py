"""What a backup costs the process that goes on writing, and how long it takes.

    python3 -m bench.backups [--runs 5] [--events 200000] [--blobs 200] [--dir DIR]

Commits of one event, each synced, are counted for as long as a backup takes: first without one, then while one is made,
then while one is made where that one is. Not part of ``python3 -m bench``: the log has to be large to be worth it.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from pathlib import Path

import msgspec

from bench.disk import scratch
from perdure.store import LmdbEventStore
from perdure.store.backups.backup import BackupReport
from perdure.store.backups.process import Order, backup_in_child
from perdure.store.events import RUNTIME_STREAM, RuntimeClosed

_BLOB_BYTES = 100_000
_AT_ONCE = 1_000


class Measured(msgspec.Struct):
    """Commits a second alone and beside each backup, and the seconds that each backup took."""

    alone: float
    beside_first: float
    first: float
    beside_next: float
    next: float
    log_bytes: int


def _fill(store: LmdbEventStore, events: int, blobs: int) -> None:
    for start in range(0, events, _AT_ONCE):
        store.append(RUNTIME_STREAM, [RuntimeClosed(number) for number in range(start, min(start + _AT_ONCE, events))])
    for number in range(blobs):
        store.blobs.put(number.to_bytes(8, "big") * (_BLOB_BYTES // 8))


def _commits(store: LmdbEventStore, until: threading.Event, seconds: float | None = None) -> float:
    """Durable commits a second until the event is set, or for so long."""
    start, count = time.monotonic(), 0
    while not until.is_set() and (seconds is None or time.monotonic() - start < seconds):
        store.append(RUNTIME_STREAM, [RuntimeClosed(count)])
        count += 1
    return count / (time.monotonic() - start)


def _beside(store: LmdbEventStore, target: Path) -> tuple[float, float, BackupReport]:
    done = threading.Event()
    reports: list[BackupReport] = []

    def work() -> None:
        try:
            reports.append(backup_in_child(Order(str(store.path), str(target), time.time_ns() // 1000, "bench", False)))
        finally:
            done.set()

    thread = threading.Thread(target=work)
    start = time.monotonic()
    thread.start()
    rate = _commits(store, done)
    thread.join()
    return rate, time.monotonic() - start, reports[0]


def _measure(folder: Path, events: int, blobs: int) -> Measured:
    with LmdbEventStore.open(folder / "data") as store:
        _fill(store, events, blobs)
        alone = _commits(store, threading.Event(), 2.0)
        beside_first, first, _ = _beside(store, folder / "backup")
        beside_next, following, report = _beside(store, folder / "backup")
    return Measured(alone, beside_first, first, beside_next, following, report.log_bytes)


def main() -> None:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.backups", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--blobs", type=int, default=200)
    parser.add_argument("--dir", type=Path, default=Path())
    options = parser.parse_args()
    found: list[Measured] = []
    for _ in range(options.runs):
        with scratch(options.dir) as folder:
            found.append(_measure(folder, options.events, options.blobs))
    size = found[-1].log_bytes / 1e6
    print(f"{options.events:,} events in a log of {size:.0f} MB, {options.blobs} blobs of {_BLOB_BYTES:,} bytes\n")
    print("| figure | unit | median | min … max |\n| --- | --- | ---: | ---: |")
    for title, unit, field in (
        ("durable commits, no backup", "1/s", "alone"),
        ("durable commits while a backup is made", "1/s", "beside_first"),
        ("durable commits while the next is made", "1/s", "beside_next"),
        ("the backup, checked", "s", "first"),
        ("the next one, checked", "s", "next"),
    ):
        values = [getattr(measured, field) for measured in found]
        low, high = min(values), max(values)
        print(f"| {title} | {unit} | {statistics.median(values):,.3g} | {low:,.3g} … {high:,.3g} |")


if __name__ == "__main__":
    main()
