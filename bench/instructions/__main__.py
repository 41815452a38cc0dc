"""Count the instructions of single steps, and hold them to stored counts or to another commit.

    python3 -m bench.instructions [--only KEY] [--update] [--against REF] [--json FILE]

Exit code 0: no step takes more instructions than before, or nothing is stored for this interpreter. 1: one does, by
more than its tolerance. 2: it cannot be counted.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from bench.comparison.tree import NotComparable, Tree, commit
from bench.figure import BenchFailed
from bench.instructions.case import Case
from bench.instructions.cases import all_cases
from bench.instructions.counting import CannotCount, count
from bench.instructions.judging import Change, Counted, judge, table
from bench.instructions.stored import STORED, StoredCount, fitting, packages_of, read, this_interpreter, updated, write

ROOT: Final = Path(__file__).parents[2]


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m bench.instructions", description=(__doc__ or "").splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("--only", default="", metavar="KEY", help="cases whose key contains this")
    parser.add_argument("--update", action="store_true", help="store what is counted, for this interpreter")
    parser.add_argument(
        "--against", metavar="REF", help="hold the counts to this commit's, counted now, on the same code"
    )
    parser.add_argument("--stored", type=Path, default=STORED, metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    options = parser.parse_args(words)
    if options.update and options.against:
        parser.error("--update stores what is counted here; it does not go with --against")
    return options


def main(words: Sequence[str] | None = None) -> int:
    """Count; the exit code."""
    options = _options(words)
    cases = [case for case in all_cases() if options.only in case.key]
    if not cases:
        print(f"no case's key contains {options.only!r}; there are {', '.join(case.key for case in all_cases())}")
        return 2
    try:
        rows = _against(cases, options.against) if options.against else _against_stored(cases, options.stored)
    except (BenchFailed, NotComparable) as error:
        print(error)
        return 2
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=1))
    if options.update:
        counts = {
            case.key: StoredCount(round(row.instructions, 1), packages_of(case))
            for case, row in zip(cases, rows, strict=True)
            if row.instructions is not None
        }
        write(updated(read(options.stored), this_interpreter(), counts), options.stored)
    print(table(rows, options.against or "stored"), *_words(rows, options), sep="\n\n")
    if any(row.instructions is None for row in rows):
        return 2
    return int(any(row.change is Change.SLOWER for row in rows) and not options.update)


def _words(rows: list[Counted], options: argparse.Namespace) -> list[str]:
    said = []
    if options.update:
        return [f"These counts are stored in {options.stored}."]
    if (slower := [row.key for row in rows if row.change is Change.SLOWER]) and not options.against:
        said.append(
            f"Slower than stored: {', '.join(slower)}. If that is what the change is worth, store the new counts with"
            " `python3 -m bench.instructions --update`, and say in the commit what they buy."
        )
    if (faster := [row.key for row in rows if row.change is Change.FASTER]) and not options.against:
        said.append(f"Faster than stored: {', '.join(faster)}. Keep it: `python3 -m bench.instructions --update`.")
    if any(row.change is Change.NEW and row.instructions is not None for row in rows) and not options.against:
        it = this_interpreter()
        said.append(
            f"Nothing is stored for some of these on {it.machine}, Python {it.python} (build {it.build}), {it.libc},"
            " with these packages: they were held to nothing. `--update` stores them, `--against REF` compares with a"
            " commit."
        )
    return said


def _against_stored(cases: list[Case], path: Path) -> list[Counted]:
    stored, interpreter = read(path), this_interpreter()
    counts = _count_all(cases, [Tree("here", ROOT)])
    return [_row(case, now, fitting(stored, interpreter, case)) for case, (now,) in zip(cases, counts, strict=True)]


def _against(cases: list[Case], ref: str) -> list[Counted]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        other = commit(ROOT, ref, Path(name) / "commit")
        counts = _count_all(cases, [Tree("here", ROOT), other])
    rows = []
    for case, (now, before) in zip(cases, counts, strict=True):
        if isinstance(before, BenchFailed) and not isinstance(now, BenchFailed):
            rows.append(msgspec.structs.replace(_row(case, now, None), failure=f"{other.name}: {before}"))
        else:
            rows.append(_row(case, now, before if isinstance(before, float) else None))
    return rows


def _count_all(cases: list[Case], trees: list[Tree]) -> list[list[float | BenchFailed]]:
    """Of each case the counts in each tree; as many at a time as there are processors, which changes none of them."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1) as pool:
        begun = [[pool.submit(count, case, tree, ROOT) for tree in trees] for case in cases]
        try:
            return [[_outcome(future) for future in futures] for futures in begun]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _outcome(future: Future[float]) -> float | BenchFailed:
    try:
        return future.result()
    except CannotCount:
        raise
    except BenchFailed as error:
        return error


def _row(case: Case, now: float | BenchFailed, before: float | None) -> Counted:
    counted = None if isinstance(now, BenchFailed) else now
    return Counted(
        key=case.key,
        title=case.title,
        instructions=counted,
        before=before,
        tolerance=case.tolerance,
        change=Change.NEW if counted is None else judge(counted, before, case.tolerance),
        failure=str(now) if isinstance(now, BenchFailed) else "",
    )


if __name__ == "__main__":
    sys.exit(main())
