"""What a seal of a log with many streams costs, and what it does to a writer meanwhile (docs/seals.md).

python3 -m bench.seals [--streams 100000] [--runs 3] [--dir DIR]
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import msgspec

from bench.disk import filesystem, scratch
from perdure.runtime import Runtime, RuntimeSettings
from perdure.runtime.seals.checking import SealWitness
from perdure.runtime.seals.proof import check_proof, proof_of
from perdure.runtime.seals.seal_file import seal_file_of, write_seal_file
from perdure.store import AppendRequest, LmdbEventStore, check
from perdure.store import events as ev

_BATCH = 500
_SECONDS = 3.0
_PUBLISHED = ev.LibraryEventPublished("bench.event", ev.Inline(b"{}"), None, None)


def fill(folder: Path, streams: int) -> None:
    """Streams of two events each."""
    body = ev.encode(_PUBLISHED)
    with LmdbEventStore.open(folder, map_size=1 << 30) as store:
        for first in range(0, streams, _BATCH):
            names = (ev.library_stream(UUID(int=number)) for number in range(first, min(streams, first + _BATCH)))
            store.append_batch([AppendRequest(name, [body, body], [1, 1]) for name in names])


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def commits(runtime: Runtime) -> tuple[float, float]:
    """Durable appends, one after the other: how many a second, and the 99th percentile in milliseconds."""
    taken: list[float] = []
    while sum(taken) < _SECONDS:
        taken.append(seconds(lambda: runtime._system.append("library:bench", [_PUBLISHED])))
    return len(taken) / sum(taken), statistics.quantiles(taken, n=100)[-1] * 1e3


def measure(folder: Path, streams: int) -> dict[str, float]:
    """One run, on a new folder."""
    fill(folder, streams)
    found: dict[str, float] = {}
    with Runtime.open(folder, settings=RuntimeSettings(seal_interval=None)) as runtime:
        found["the first seal, s"] = seconds(runtime.seal)
        found["nothing changed, s"] = seconds(runtime.seal)
        runtime.publish("bench.event")
        found["one stream changed, s"] = seconds(runtime.seal)
        events = (stored for stored in runtime.store.read(ev.RUNTIME_STREAM, backward=True))
        newest = next(stored for stored in events if isinstance(stored.event, ev.HeadsSealed))
        found["its event, bytes"] = len(newest.body)
        found["commits/s, no seals"], found["their p99, ms"] = commits(runtime)
        stop, made = threading.Event(), 0

        def seal() -> None:
            nonlocal made
            while not stop.is_set():
                runtime.seal()
                made += 1

        sealing = threading.Thread(target=seal)
        sealing.start()
        found["commits/s, one seal after the other"], found["their p99 then, ms"] = commits(runtime)
        stop.set()
        sealing.join()
        found["seals meanwhile"] = made
        file = folder / "bench.seal"
        found["the seal as a file, s"] = seconds(lambda: write_seal_file(seal_file_of(runtime.store), file))
        found["the file, MB"] = file.stat().st_size / 1e6
        proof = proof_of(runtime.store, ev.library_stream(UUID(int=streams // 2)))
        assert proof is not None
        found["a proof of one stream, bytes"] = len(msgspec.msgpack.encode(proof))
        found["checking it, ms"] = seconds(lambda: check_proof(proof)) * 1e3
    with LmdbEventStore.open_readonly(folder) as store:
        found["log check, s"] = seconds(lambda: check(store))
        witness = SealWitness.of_files(folder / "bench.seal", None, folder)
        found["log check --seal, s"] = seconds(lambda: check(store, witness))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dir", type=Path, default=None)
    arguments = parser.parse_args()
    runs = []
    with scratch(arguments.dir) as folder:
        print(f"on {filesystem(folder)}, {arguments.streams:,} streams, median of {arguments.runs} runs [least..most]")
        for number in range(arguments.runs):
            runs.append(measure(folder / str(number), arguments.streams))
    print("| | |\n| --- | --- |")
    for name in runs[0]:
        values = [run[name] for run in runs]
        print(f"| {name} | {statistics.median(values):,.2f} [{min(values):,.2f}..{max(values):,.2f}] |")


if __name__ == "__main__":
    main()
