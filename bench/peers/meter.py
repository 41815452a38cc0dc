"""What a stretch of work took: time, processor time of all processes, flushes of the disk; and what a folder takes."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final, Self

import psutil

_STATS: Final = Path("/proc/diskstats")
_FLUSHES: Final = 18  # "flush requests completed successfully" since Linux 5.5 (Documentation/admin-guide/iostats.rst)

_ROUND: Final = frozenset({"pg_wal"})  # PostgreSQL's log: files of one size that are written again and again


def flushes(folder: Path, stats: Path = _STATS) -> int | None:
    """Flushes that the device of ``folder`` has completed, by whomever; None where that cannot be read."""
    device = folder.stat().st_dev
    wanted = [str(os.major(device)), str(os.minor(device))]
    try:
        lines = [line.split() for line in stats.read_text().splitlines()]
    except OSError:
        return None
    return next((int(line[_FLUSHES]) for line in lines if line[:2] == wanted and len(line) > _FLUSHES), None)


def processor_time() -> float:
    """Seconds of processor that this process and all below it have used, those that ended below it included."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        try:
            total += sum(process.cpu_times()[:4])  # user, system, and both of children that were waited for
        except psutil.NoSuchProcess:
            continue  # its parent has its time now
    return total


def allocated(folder: Path, without: Collection[str] = ()) -> int:
    """Bytes of disk that the files below ``folder`` fill; folders named in ``without`` are left out.

    Neither holes count, nor what a file has reserved behind its end.
    """
    total = 0
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in without]
        for name in files:
            try:
                status = Path(path, name).lstat()
                total += min(status.st_blocks * 512, status.st_size)
            except FileNotFoundError:
                continue  # a server's temporary file
    return total


class Meter:
    """``with Meter(folder) as meter: …``; then ``seconds``, ``processor`` (seconds), ``flushes``, ``space`` (bytes)."""

    seconds: float
    processor: float
    flushes: int | None
    space: int

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        self._space = allocated(self._folder, _ROUND)
        self._flushes = flushes(self._folder)
        self._processor = processor_time()
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._began
        self.processor = processor_time() - self._processor
        after = flushes(self._folder)
        self.flushes = None if after is None or self._flushes is None else after - self._flushes
        self.space = allocated(self._folder, _ROUND) - self._space

    def of_steps(self, jobs: int, steps: int) -> dict[str, float]:
        """The rows of ``steps`` durable steps that ``jobs`` jobs did in this stretch."""
        found = {f"steps_{jobs}": steps / self.seconds, f"cpu_{jobs}": self.processor / steps * 1e6}
        if self.flushes is not None:
            found[f"flushes_{jobs}"] = self.flushes / steps
        return found
