"""Measure how figures grow, and write bench/results/curves.json.

    python3 -m bench.curves [--only KEY] [--runs 5] [--quick] [--dir DIR] [--json FILE]

The curves: gil, crowds, log, running, mailbox, costs. Each point is measured in a process of its own; `python3 -m
bench.publish` makes tables and plots of the file. All of it takes some minutes a run, the log at most three runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.curves import crowds, event_costs, gil, log_growth, mailboxes, results, running_jobs
from bench.curves.child import run_task
from bench.curves.curve import Curve
from bench.curves.results import CurveResult
from bench.curves.tables import as_markdown
from bench.disk import add_disk_options, check_disk_options, filesystem, scratch, why_unfit
from bench.machine import describe_machine, spin_ms

CURVES: Final = (
    gil.CURVE,
    crowds.CURVE,
    log_growth.CURVE,
    running_jobs.CURVE,
    mailboxes.CURVE,
    event_costs.CURVE,
)
_FILE: Final = Path(__file__).parents[1] / "results" / "curves.json"


def measure(curves: Sequence[Curve], runs: int, folder: Path, *, quick: bool, kind: str) -> dict[str, CurveResult]:
    """Do every curve's tasks ``runs`` times, in rounds, so that a busy minute spoils one value of each."""
    machine = describe_machine(kind)
    found = {
        curve.key: CurveResult(
            title=curve.title, axis=curve.axis, quantities=list(curve.quantities),
            machine=machine, runs=min(runs, curve.most_runs), spins=[], points=[],
        )
        for curve in curves
    }  # fmt: skip
    for number in range(runs):
        for curve in curves:
            if number >= curve.most_runs:
                continue
            result = found[curve.key]
            result.spins.append(spin_ms())
            for task in curve.tasks(quick):
                if sys.stderr.isatty():
                    words = ", ".join(f"{name} {value}" for name, value in task.arguments.items())
                    print(f"\r\033[Krun {number + 1} of {runs}: {curve.key}: {words}", end="", file=sys.stderr)
                with scratch(folder) as place:
                    for point in run_task(curve.module, task, place):
                        result.add(point)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench.curves", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", metavar="KEY", help="one curve: " + ", ".join(one.key for one in CURVES))
    parser.add_argument("--runs", type=int, default=5, help="values of each point (default 5)")
    parser.add_argument("--quick", action="store_true", help="hardly any work: shows that it runs, not how fast")
    add_disk_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"default: {_FILE.name} in bench/results")
    options = parser.parse_args()
    check_disk_options(parser, options)
    if options.runs < 1:
        parser.error("--runs must be 1 or more")
    if options.only and options.only not in (one.key for one in CURVES):
        parser.error(f"--only: there is no curve {options.only}; there are {', '.join(one.key for one in CURVES)}")
    return options


def main() -> int:
    """Run; the exit code."""
    options = _options()
    if unfit := why_unfit(options):
        print(unfit)
        return 2
    kind = filesystem(options.dir)
    curves = [curve for curve in CURVES if options.only in ("", curve.key)]
    found = measure(curves, options.runs, options.dir, quick=options.quick, kind=kind)
    # Values of a quick run are none that anyone should find among the others.
    file = options.json or (None if options.quick else _FILE)
    if file is not None:
        results.write(file, found)
    print(as_markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
