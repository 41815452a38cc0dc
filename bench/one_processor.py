"""What keeping the threads of jobs on one processor gives and costs: ``python3 -m bench.one_processor`` (ADR 0028).

Jobs save checkpoints, and compute for longer and longer before each: with `RuntimeSettings.one_processor` and without,
in turns, after a round that does not count.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Final

from bench.disk import filesystem, is_memory
from bench.gate import gated_runtime, timed_jobs
from bench.guests import computing

JOBS: Final = (2, 4, 8, 30, 100)
ROUNDS: Final = (10_000, 20_000, 40_000, 60_000, 100_000, 1_000_000)
_COMPUTING: Final = 50  # jobs


def rate(folder: Path, jobs: int, each: int, work: str, *, one_processor: bool) -> float:
    """Checkpoints a second, of ``jobs`` jobs that save ``each``."""
    with (
        tempfile.TemporaryDirectory(prefix=".bench-", dir=folder) as data,
        gated_runtime(Path(data), jobs, one_processor=one_processor, work=work) as (runtime, gate),
    ):
        seconds, _ = timed_jobs(runtime, gate, "checkpoints", jobs, each)
    return jobs * each / seconds


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", type=int, default=10_000, help="of all jobs together, in each run")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--dir", type=Path, default=Path())
    options = parser.parse_args()
    if is_memory(filesystem(options.dir)):
        parser.error(f"{options.dir} is in memory, where a sync costs nothing")
    print("| jobs | rounds before each | without, 1/s | with, 1/s | with / without |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for jobs, rounds in [(jobs, 1) for jobs in JOBS] + [(_COMPUTING, rounds) for rounds in ROUNDS]:
        each = max(1, options.checkpoints // jobs)
        work = computing(rounds)
        pairs: list[tuple[float, float]] = []
        for turn in range(options.runs + 1):
            order = (True, False) if turn % 2 else (False, True)
            rates = {kept: rate(options.dir, jobs, each, work, one_processor=kept) for kept in order}
            pairs.append((rates[False], rates[True]))
        del pairs[0]
        without, kept = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratios = sorted(after / before for before, after in pairs)
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} … {ratios[-1]:.2f})"
        print(f"| {jobs} | {rounds:,} | {without:,.0f} | {kept:,.0f} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
