"""``python3 -m bench --compare REF [--with REF] [--only KEY] [--runs N]``.

Exit code 0: nothing of the second commit is slower, as far as can be seen. 1: something is. 2: they cannot be compared.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from bench.comparison.judged import Comparison, judged, table, words
from bench.comparison.measuring import measure, subjects
from bench.comparison.tree import NotComparable, commit, working_tree
from bench.figure import BenchFailed
from bench.machine import Machine, describe_machine, spin_ms

_REPOSITORY: Final = Path(__file__).parents[2]


def run_comparison(options: argparse.Namespace, filesystem: str, tell: Callable[[str], None]) -> int:
    """Compare what the options name; the exit code."""
    spins = [spin_ms()]
    data = options.dir.resolve()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            folder = Path(name).resolve()
            first = commit(_REPOSITORY, options.compare, folder / "a")
            if options.other:
                second = commit(_REPOSITORY, options.other, folder / "b")
            else:
                second = working_tree(_REPOSITORY, folder / "b")
            found = subjects(first, second, options.only, options.quick, data)
            measure(found, options.runs, options.quick, data, tell)
    except (NotComparable, BenchFailed) as error:
        tell("")
        print(error)
        return 2
    tell("")
    spins.append(spin_ms())
    comparison = judged(found, first.name, second.name, options.runs)
    machine = describe_machine(filesystem)
    print(_head(machine, comparison, spins), table(comparison), *words(comparison), sep="\n\n")
    if options.json is not None:
        content = {"machine": machine, "spin_ms": spins, "comparison": comparison}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1))
    if not comparison.rows:
        return 2
    return int(bool(comparison.slower))


def _head(machine: Machine, comparison: Comparison, spins: list[float]) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in machine.packages.items())
    return "\n".join(
        [
            f"A is {comparison.first}, B is {comparison.second}; {comparison.pairs} pairs, in turns",
            f"Python {machine.python}, {packages}; {machine.system}, {machine.processors} processors,"
            f" data on {machine.filesystem}",
            f"a fixed piece of Python took {spins[0]:.1f} ms before and {spins[-1]:.1f} ms after",
        ]
    )
