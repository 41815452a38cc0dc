"""Should the log be written by a process of its own?  Measures the candidates in turns (ADR 0027).

in the process  the product's group commit: whoever has the turn commits on its own thread
eager           the same with a switch interval of 0.05 ms while a commit lasts
listener        a child owns the log; events go to it through shared memory, a thread here takes its answers
turns           the same as listener without that thread: one of those who wait takes the answers for all

1, 8 and 100 threads make checkpoints of 100 bytes, each waiting for its own to be on disk; with no other thread in the
process, and beside one that adds numbers; at two switch intervals of the interpreter. Linux only.

    python3 -m bench.writer_process [--runs 3] [--seconds 1.0] [--dir DIR]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.disk import filesystem, is_memory, scratch
from bench.lanes import start_job
from bench.machine import spin_ms
from bench.writer_process.ways import InProcess, InProcessEager, OtherProcess, OtherProcessTurns, Way
from perdure.store import LmdbEventStore
from perdure.store import events as ev

_WAYS: Final[dict[str, type[InProcess] | type[OtherProcess]]] = {
    "in the process": InProcess,
    "eager": InProcessEager,
    "listener": OtherProcess,
    "turns": OtherProcessTurns,
}
_THREADS: Final = (1, 8, 100)
_INTERVALS: Final = (5.0, 0.05)  # ms; the first is Python's own
_STATE: Final = bytes(100)


class Condition(NamedTuple):
    """What is the same for all ways in a row of the table."""

    busy: bool
    interval: float  # ms
    threads: int


class Sample(NamedTuple):
    """What one way did under one condition."""

    rate: float  # checkpoints/s
    here: float  # us of a processor a checkpoint, in this process without the busy thread
    there: float  # the same of the child


def _processor_time(pid: int) -> float:
    """Seconds of a processor that a process has had; the clock's number is that of clock_getcpuclockid(3) on Linux."""
    return time.clock_gettime(~pid << 3 | 2)


class _Busy:
    """A thread that adds numbers."""

    def __init__(self) -> None:
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stop:
            number += 1

    def seconds(self) -> float:
        """What it has had of a processor."""
        return time.clock_gettime(time.pthread_getcpuclockid(self._thread.ident or 0))

    def end(self) -> None:
        self._stop = True
        self._thread.join()


@contextmanager
def _busy(wanted: bool) -> Iterator[_Busy | None]:
    busy = _Busy() if wanted else None
    try:
        yield busy
    finally:
        if busy is not None:
            busy.end()


def _measure(way: Way, condition: Condition, seconds: float) -> Sample:
    sys.setswitchinterval(condition.interval / 1e3)
    counts = [0] * condition.threads
    begin, over = threading.Barrier(condition.threads + 1), threading.Event()

    def work(number: int) -> None:
        begin.wait()
        call = 0
        while not over.is_set():
            call += 1
            way.commit(number, ev.CheckpointSaved(call, call * 10, ev.Inline(_STATE)))
        counts[number] = call

    threads = [threading.Thread(target=work, args=(number,)) for number in range(condition.threads)]
    for thread in threads:
        thread.start()
    with _busy(condition.busy) as busy:
        begin.wait()
        start, here, there, others = _clocks(way, busy)
        time.sleep(seconds)
        over.set()
        for thread in threads:
            thread.join()
        end, here_end, there_end, others_end = _clocks(way, busy)
    done = sum(counts)
    mine = here_end - here - (others_end - others)
    return Sample(done / (end - start), mine / done * 1e6, (there_end - there) / done * 1e6)


def _clocks(way: Way, busy: _Busy | None) -> tuple[float, float, float, float]:
    return (
        time.perf_counter(),
        time.process_time(),
        0.0 if way.pid is None else _processor_time(way.pid),
        0.0 if busy is None else busy.seconds(),
    )


def _new_log(folder: Path) -> list[str]:
    with LmdbEventStore.open(folder) as store:
        return [start_job(store) for _ in range(max(_THREADS))]


def _spread(values: list[float], digits: int = 0) -> str:
    return f"{statistics.median(values):,.{digits}f} [{min(values):,.{digits}f} .. {max(values):,.{digits}f}]"


def _table(samples: dict[Condition, dict[str, list[Sample]]]) -> Iterator[str]:
    yield (
        "| busy thread | interval | threads | "
        + " | ".join(f"{name}: rate/s | µs here + there" for name in _WAYS)
        + " |"
    )
    yield "| --- | ---: | ---: |" + " ---: | ---: |" * len(_WAYS)
    for (busy, interval, threads), ways in samples.items():
        cells = []
        for found in ways.values():
            cells.append(_spread([sample.rate for sample in found]))
            here = statistics.median(sample.here for sample in found)
            cells.append(f"{here:.0f} + {statistics.median(sample.there for sample in found):.0f}")
        yield f"| {'one' if busy else 'none'} | {interval} ms | {threads} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each way under each condition, in each run")
    parser.add_argument("--dir", type=Path, default=Path(), help="a folder on a real disk")
    options = parser.parse_args()
    kind = filesystem(options.dir)
    conditions = [
        Condition(busy, interval, threads) for busy in (False, True) for interval in _INTERVALS for threads in _THREADS
    ]
    samples: dict[Condition, dict[str, list[Sample]]] = {each: {name: [] for name in _WAYS} for each in conditions}
    starts: list[float] = []
    sizes: list[float] = []
    spins = [spin_ms()]
    for run in range(options.runs):
        with scratch(options.dir) as folder:
            with ExitStack() as stack:
                ways: dict[str, InProcess | OtherProcess] = {}
                for name, kind_of_way in _WAYS.items():
                    place = folder / name.replace(" ", "-")
                    ways[name] = stack.enter_context(closing(kind_of_way(place, _new_log(place))))
                for way in ways.values():  # what is loaded at its first use does not count
                    _measure(way, Condition(False, 5.0, max(_THREADS)), 0.05)
                for condition in conditions:
                    # Each is first as often as the others, nearly.
                    names = list(ways)[run % len(ways) :] + list(ways)[: run % len(ways)]
                    for name in names:
                        samples[condition][name].append(_measure(ways[name], condition, options.seconds))
            children = [way for way in ways.values() if isinstance(way, OtherProcess)]
            starts += [child.started * 1e3 for child in children]
            sizes += [child.resident / (1 << 20) for child in children]
        spins.append(spin_ms())
    print(f"{options.runs} runs of {options.seconds} s, {kind}{': NOT A DISK' if is_memory(kind) else ''}; ", end="")
    print(f"a fixed piece of Python took {min(spins):.1f} .. {max(spins):.1f} ms (how busy the machine is)\n")
    print("\n".join(_table(samples)))
    print(f"\nThe writer's process: started in {_spread(starts)} ms, {_spread(sizes, 1)} MiB resident")


if __name__ == "__main__":
    main()
