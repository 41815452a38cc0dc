"""What it costs when transactional actions meet on the same rows: ``python3 -m bench.contention`` (ADR 0005).

Jobs count in rows, each in its own or all in one, with an action that is checked when it is committed. Beside it what a
lock would do that is held from the action's first read until its commit is synced, one for all rows.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from perdure.runtime import Runtime
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action

CALLERS: Final = (1, 8, 64)


class Count(msgspec.Struct):
    """Which row, and how long the handler works between its read and its write, in milliseconds."""

    row: str
    work_ms: float = 0.0


class Counted(msgspec.Struct):
    """What is in it now."""

    count: int


class Counter:
    """The operation; ``runs`` counts how often its handler ran."""

    def __init__(self) -> None:
        self.runs = 0

    @action("bench.count", effect=Effect.TRANSACTIONAL, timeout=600)
    def count(self, context: CallContext, request: Count) -> Counted:
        """Count in a row."""
        self.runs += 1
        key = b"bench\0" + request.row.encode()
        count = int(context.data.get(key) or 0) + 1
        if request.work_ms:
            time.sleep(request.work_ms / 1000)
        context.data.put(key, b"%d" % count)
        return Counted(count)


def measure(
    folder: Path, callers: int, actions: int, row: Callable[[int], str], work_ms: float, lock: threading.Lock | None
) -> tuple[float, float, float]:
    """Actions a second, the slowest of a hundred in milliseconds, and runs of the handler for each action."""
    times: list[float] = []
    guard = lock or contextlib.nullcontext()

    def call(caller: int) -> None:
        for _ in range(actions // callers):
            start = time.perf_counter()
            with guard:
                runtime.call("action:bench.count", Count(row(caller), work_ms))
            times.append(time.perf_counter() - start)

    counter = Counter()
    with Runtime.open(folder) as runtime:
        runtime.operations.register(counter.count)
        runtime.call("action:bench.count", Count("warm"))
        counter.runs = 0
        start = time.perf_counter()
        with ThreadPoolExecutor(callers) as pool:
            list(pool.map(call, range(callers)))
        seconds = time.perf_counter() - start
    slowest = statistics.quantiles(times, n=100)[-1] * 1000
    return len(times) / seconds, slowest, counter.runs / len(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--actions", type=int, default=640)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dir", type=Path, default=Path())
    options = parser.parse_args()
    print("| rows | handler | callers | way | actions/s | slowest of 100, ms | runs an action |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for rows, row in (("own", str), ("one", lambda caller: "one")):
        for work_ms in (0.0, 2.0):
            for callers in CALLERS:
                for way in ("checked at the commit", "one lock"):
                    values = []
                    for _ in range(options.runs):
                        lock = threading.Lock() if way == "one lock" else None
                        with tempfile.TemporaryDirectory(prefix=".bench-", dir=options.dir) as folder:
                            values.append(measure(Path(folder), callers, options.actions, row, work_ms, lock))
                    rate, slow, runs = (statistics.median(column) for column in zip(*values, strict=True))
                    handler = f"works {work_ms:g} ms" if work_ms else "quick"
                    print(
                        f"| {rows} | {handler} | {callers} | {way} | {rate:,.0f} | {slow:,.1f} | {runs:.2f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
