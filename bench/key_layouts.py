"""Which key layout should the log use?  Measures three candidates on one disk in one run (ADR 0002).

A  ``log``: position -> record, ``index``: (stream, sequence) -> position.  The log grows at its right edge.
B  ``events``: (stream, sequence) -> record, ``positions``: position -> (stream, sequence).  Clustered by stream.
C  as A, but one value holds a *frame*: all events that one request appended to one stream.

Every row is the same work: 200 streams, 100-byte records, transactions of 1, 100 and 1000 events that are spread
over the streams as running jobs spread them (runs of 1, 10 and 50 events of one stream).

    python3 -m bench.key_layouts [--events 200000] [--dir DIR]
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import lmdb

_U64 = struct.Struct(">Q").pack
_KEY = struct.Struct(">IQ").pack
_FRAME = struct.Struct(">IQH")
_LEN = struct.Struct(">H")
RECORD = b"r" * 100
STREAMS = 200

Run = tuple[int, int, int]  # stream, first sequence, number of events


def runs(total: int, run: int) -> Iterator[Run]:
    heads = [0] * STREAMS
    for number in itertools.cycle(range(STREAMS)):
        if total <= 0:
            return
        size = min(run, total)
        yield number, heads[number] + 1, size
        heads[number] += size
        total -= size


class Layout:
    name = ""

    def __init__(self, folder: Path) -> None:
        self.env = lmdb.open(str(folder), map_size=4 << 30, max_dbs=4)
        self.position = 0

    def append(self, batch: list[Run]) -> None:
        raise NotImplementedError

    def stream(self, number: int) -> int:
        raise NotImplementedError

    def tail(self, after: int) -> int:
        raise NotImplementedError


class PositionFirst(Layout):
    name = "A log + index"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.log, self.index = self.env.open_db(b"log"), self.env.open_db(b"index")

    def append(self, batch: list[Run]) -> None:
        log, index, position = [], [], self.position
        for number, first, size in batch:
            for sequence in range(first, first + size):
                position += 1
                log.append((_U64(position), RECORD))
                index.append((_KEY(number, sequence), _U64(position)))
        with self.env.begin(write=True) as txn:
            txn.cursor(self.log).putmulti(log, append=True)
            txn.cursor(self.index).putmulti(index)
        self.position = position

    def stream(self, number: int) -> int:
        count = 0
        with self.env.begin() as txn:
            get, prefix = txn.get, struct.pack(">I", number)
            cursor = txn.cursor(self.index)
            cursor.set_range(prefix)
            for key, position in cursor:
                if key[:4] != prefix:
                    break
                count += len(get(position, b"", db=self.log)) == 100
        return count

    def tail(self, after: int) -> int:
        with self.env.begin() as txn:
            cursor = txn.cursor(self.log)
            cursor.set_range(_U64(after + 1))
            return sum(1 for _ in cursor.iternext(keys=False))


class StreamFirst(Layout):
    name = "B clustered by stream"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.events, self.positions = self.env.open_db(b"events"), self.env.open_db(b"positions")

    def append(self, batch: list[Run]) -> None:
        events, positions, position = [], [], self.position
        for number, first, size in batch:
            for sequence in range(first, first + size):
                position += 1
                key = _KEY(number, sequence)
                events.append((key, RECORD))
                positions.append((_U64(position), key))
        with self.env.begin(write=True) as txn:
            txn.cursor(self.events).putmulti(events)
            txn.cursor(self.positions).putmulti(positions, append=True)
        self.position = position

    def stream(self, number: int) -> int:
        count = 0
        with self.env.begin() as txn:
            prefix = struct.pack(">I", number)
            cursor = txn.cursor(self.events)
            cursor.set_range(prefix)
            for key, record in cursor:
                if key[:4] != prefix:
                    break
                count += len(record) == 100
        return count

    def tail(self, after: int) -> int:
        count = 0
        with self.env.begin() as txn:
            get = txn.get
            cursor = txn.cursor(self.positions)
            cursor.set_range(_U64(after + 1))
            for key in cursor.iternext(keys=False):
                count += len(get(key, b"", db=self.events)) == 100
        return count


class Framed(Layout):
    name = "C log of frames + index"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.log, self.index = self.env.open_db(b"log"), self.env.open_db(b"index")

    def append(self, batch: list[Run]) -> None:
        log, index, position = [], [], self.position
        for number, first, size in batch:
            key = _U64(position + 1)
            body = b"".join(_LEN.pack(len(RECORD)) + RECORD for _ in range(size))
            log.append((key, _FRAME.pack(number, first, size) + body))
            index.append((_KEY(number, first), key))
            position += size
        with self.env.begin(write=True) as txn:
            txn.cursor(self.log).putmulti(log, append=True)
            txn.cursor(self.index).putmulti(index)
        self.position = position

    @staticmethod
    def _records(frame: bytes) -> int:
        offset, count, end = _FRAME.size, 0, len(frame)
        while offset < end:
            (length,) = _LEN.unpack_from(frame, offset)
            count += len(frame[offset + 2 : offset + 2 + length]) == 100
            offset += 2 + length
        return count

    def stream(self, number: int) -> int:
        count = 0
        with self.env.begin() as txn:
            get, prefix = txn.get, struct.pack(">I", number)
            cursor = txn.cursor(self.index)
            cursor.set_range(prefix)
            for key, position in cursor:
                if key[:4] != prefix:
                    break
                count += self._records(get(position, b"", db=self.log))
        return count

    def tail(self, after: int) -> int:
        with self.env.begin() as txn:
            cursor = txn.cursor(self.log)
            cursor.set_range(_U64(after + 1))
            return sum(self._records(frame) for frame in cursor.iternext(keys=False))


def batches(total: int, size: int, run: int) -> list[list[Run]]:
    per = max(1, size // run)
    pending = list(runs(total, run))
    return [pending[i : i + per] for i in range(0, len(pending), per)]


def timed(work: Callable[[], int]) -> tuple[float, int]:
    start = time.perf_counter()
    count = work()
    return time.perf_counter() - start, count


def read_streams(layout: Layout) -> int:
    return sum(layout.stream(number) for number in range(STREAMS))


def measure(kind: type[Layout], root: Path, total: int) -> dict[str, float]:
    row: dict[str, float] = {}
    for size, run, share in ((1, 1, 100), (100, 1, 4), (100, 10, 4), (1000, 50, 1)):
        folder = Path(tempfile.mkdtemp(dir=root))
        layout = kind(folder)
        events = total // share
        work = batches(events, size, run)

        def append(layout: Layout = layout, work: list[list[Run]] = work, events: int = events) -> int:
            for batch in work:
                layout.append(batch)
            return events

        seconds, count = timed(append)
        row[f"append {size} (runs of {run}), ev/s"] = count / seconds
        if size == 1000:
            seconds, count = timed(partial(read_streams, layout))
            assert count == events
            row["stream read, ev/s"] = count / seconds
            seconds, count = timed(partial(layout.tail, 0))
            assert count == events
            row["tail read, ev/s"] = count / seconds
        row[f"file of {size} (runs of {run}), B/event"] = (folder / "data.mdb").stat().st_size / events
        layout.env.close()
        shutil.rmtree(folder)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dir", type=Path, default=None, help="a folder on a real disk")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=options.dir))
    kinds = (PositionFirst, StreamFirst, Framed)
    rows: dict[str, list[dict[str, float]]] = {kind.name: [] for kind in kinds}
    for _ in range(options.runs):
        for kind in kinds:
            rows[kind.name].append(measure(kind, root, options.events))
    shutil.rmtree(root)
    figures = list(rows[kinds[0].name][0])
    print(f"{'':34s}" + "".join(f"{kind.name:>36s}" for kind in kinds))
    for figure in figures:
        cells = []
        for kind in kinds:
            values = [row[figure] for row in rows[kind.name]]
            cells.append(f"{statistics.median(values):,.0f} [{min(values):,.0f}..{max(values):,.0f}]")
        print(f"{figure:34s}" + "".join(f"{cell:>36s}" for cell in cells))


if __name__ == "__main__":
    main()
