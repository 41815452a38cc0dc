"""Run mixed load for a long time, and say whether anything grows.

    python3 -m bench.soak [--minutes 30] [--load 0.7] [--every 10] [--warm-up MINUTES] [--dir DIR] [--json FILE]

``--load`` of the most jobs a second arrive, which are measured every two minutes, and every second something else
happens: an extension is loaded anew, a job paused, resumed, cancelled, the log read. Finished jobs are folded. Writes
bench/results/soak.json; the exit code is 1 if something grows.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec

from bench.disk import add_disk_options, check_disk_options, filesystem, scratch, why_unfit
from bench.machine import describe_machine
from bench.soak.load import Load, loaded
from bench.soak.result import SoakResult
from bench.soak.sample import Sample, look
from bench.soak.tables import as_markdown
from bench.soak.verdict import is_flat, judged

_FILE: Final = Path(__file__).parents[1] / "results" / "soak.json"
_MOST_KINDS: Final = 10
_AGAIN: Final = 120.0  # seconds from one measurement of the most jobs a second to the next


def soak(folder: Path, minutes: float, load: float, every: float, warm_up: float, kind: str) -> SoakResult:
    """One soak with its data in ``folder``; all times but ``minutes`` and ``warm_up`` (minutes, too) in seconds."""
    keep = min(30.0, minutes * 60 / 8)
    with loaded(folder, keep) as at_work:
        samples: list[Sample] = []
        kinds: Counter[str] | None = None
        began, ended = time.monotonic(), at_work.counts.all_ended
        with at_work.running(load, again=min(_AGAIN, minutes * 20), pause=min(1.0, every)):
            while (passed := time.monotonic() - began) < minutes * 60:
                time.sleep(max(0.0, min(len(samples) * every, minutes * 60) - passed))
                at_work.check()
                samples.append(_look(at_work, began, ended))
                _tell(samples[-1], minutes)
                if kinds is None and samples[-1].seconds >= warm_up * 60:
                    kinds = _kinds()
            grown = _kinds() - (kinds or Counter())
    return SoakResult(
        machine=describe_machine(kind),
        minutes=minutes,
        warm_up=warm_up,
        load=load,
        full_rates=at_work.full_rates,
        shed=at_work.shed,
        ended=dict(at_work.counts.ended),
        samples=samples,
        judged=judged(samples, warm_up * 60),
        grown=dict(grown.most_common(_MOST_KINDS)),
    )


def _look(load: Load, began: float, ended: int) -> Sample:
    return look(load.runtime, began, load.counts.unfinished, load.counts.all_ended - ended)


def _kinds() -> Counter[str]:
    """How many objects there are of each type, garbage aside."""
    gc.collect()
    return Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())


def _tell(sample: Sample, minutes: float) -> None:
    if sys.stderr.isatty():
        print(
            f"\r\033[K{sample.seconds / 60:.1f} of {minutes:g} min: {sample.ended:,} jobs, "
            f"{sample.private / 2**20:.1f} MiB, {sample.blocks:,} blocks, {sample.threads} threads",
            end="", file=sys.stderr, flush=True,
        )  # fmt: skip


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument("--load", type=float, default=0.7, help="of the most jobs a second (default 0.7)")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two samples (default 10)")
    parser.add_argument("--warm-up", type=float, help="minutes that are not judged (default: a fifth of all)")
    add_disk_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", default=_FILE, help=f"default: {_FILE.name}")
    options = parser.parse_args()
    check_disk_options(parser, options)
    if options.warm_up is None:
        options.warm_up = options.minutes / 5
    if not options.minutes > options.warm_up >= 0:
        parser.error("--minutes must be more than --warm-up")
    if not 0 < options.load <= 1:
        parser.error("--load must be more than 0, and 1 at the most")
    if not 0 < options.every <= (options.minutes - options.warm_up) * 6:
        parser.error("--every must leave ten samples after the warm-up")
    return options


def main() -> int:
    """Run; 0 if nothing grows, 1 if something does."""
    options = _options()
    if unfit := why_unfit(options):
        print(unfit)
        return 2
    kind = filesystem(options.dir)
    with scratch(options.dir) as folder:
        result = soak(folder, options.minutes, options.load, options.every, options.warm_up, kind)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    print(as_markdown(result))
    return 0 if is_flat(result.judged) else 1


if __name__ == "__main__":
    sys.exit(main())
