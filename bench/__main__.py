"""Measure everything and print one table; or with ``--peers`` what others take for the same.

    python3 -m bench [--runs 5] [--quick] [--only KEY] [--dir DIR] [--json FILE] [--peers | --compare REF]

Every figure has a floor beside it, measured in the same run: what the disk, LMDB, Pykka or wasmtime gives alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from bench.disk import add_disk_options, check_disk_options, filesystem, is_memory, scratch, why_unfit
from bench.figure import Group
from bench.machine import describe_machine
from bench.report import as_json, head, rows, table
from bench.runner import run
from bench.sizes import FULL, QUICK
from bench.subjects import all_groups


def chosen(groups: Sequence[Group], part: str) -> list[Group]:
    """The groups with a figure whose key contains ``part``, and those that have their floors."""
    wanted = [group for group in groups if any(part in figure.key for figure in group.figures)]
    needed = {figure.floor for group in wanted for figure in group.figures}
    return [group for group in groups if group in wanted or any(figure.key in needed for figure in group.figures)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, help="values of each figure (default 5; with --compare 12 pairs)")
    parser.add_argument("--quick", action="store_true", help="hardly any work: shows that all of it runs, not how fast")
    parser.add_argument("--only", default="", metavar="KEY", help="figures whose key contains this, and their floors")
    add_disk_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values there, too")
    parser.add_argument("--peers", action="store_true", help="perdure and its peers in turns (extra bench)")
    parser.add_argument(
        "--compare", metavar="REF", help="this commit beside the working tree, in turns; 1: it got slower"
    )
    parser.add_argument("--with", dest="other", metavar="REF", help="with --compare: not the working tree, this commit")
    options = parser.parse_args()
    check_disk_options(parser, options)
    if options.runs is None:
        options.runs = 12 if options.compare else 5
    if options.other and not options.compare:
        parser.error("--with names the second commit of --compare")
    if options.runs < 1:
        parser.error("--runs must be 1 or more")
    return options


def main() -> int:
    """Run; the exit code."""
    options = _options()
    if unfit := why_unfit(options):
        print(unfit)
        return 2
    kind = filesystem(options.dir)
    shown_filesystem = f"{kind} (in memory: not a disk)" if is_memory(kind) else kind

    def tell(line: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        elif line.endswith("\n"):  # what is to stay
            print(line, end="", file=sys.stderr, flush=True)

    if options.peers:
        if find_spec("psutil") is None:
            print("--peers needs the extra bench: python3 -m pip install '.[bench]'")
            return 2
        from bench.peers.command import run_peers  # what it needs is not what everything else does

        return run_peers(options, shown_filesystem, tell)
    if options.compare:
        from bench.comparison.command import run_comparison

        return run_comparison(options, shown_filesystem, tell)
    groups = chosen(all_groups(QUICK if options.quick else FULL), options.only)
    if not groups:
        print(f"no figure's key contains {options.only!r}")
        return 2
    with scratch(options.dir) as root:
        results = run(groups, options.runs, root, tell)
    tell("")
    machine = describe_machine(shown_filesystem)
    found = rows(results)
    print(head(machine, results, options.runs), table(found), sep="\n\n")
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_bytes(as_json(machine, results, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
