"""Counts a case's instructions: the program runs under Valgrind's Callgrind, whose processor counts exactly.

What is wanted is the difference between 2 N steps and N steps: whatever happens once at the start, at the end or at a
mark is in both. Callgrind is slow, some forty times, and sees one thread at a time; both change no count.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from bench.comparison.tree import Tree
from bench.figure import BenchFailed
from bench.instructions.case import Case
from bench.instructions.program import MARK

# glibc chooses its string functions, and OpenSSL its digests, by what the processor has. Valgrind's has what its host
# has (less AVX-512), so the choice is made here: what every x86-64 has. Other machines ignore both.
_PLAIN_PROCESSOR: Final = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-BMI1,-BMI2,-LZCNT,-MOVBE",
    "OPENSSL_ia32cap": "~0x1000000000000000:~0x20000128",  # no AVX; no BMI1, AVX2, BMI2, SHA
}
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PERDURE_BENCH_TREE", "VIRTUAL_ENV", "TMPDIR")
_SUMMARY: Final = re.compile(r"^summary: (\d+)$", re.MULTILINE)
_SECONDS: Final = 600


class CannotCount(BenchFailed):
    """Valgrind is not there, or cannot run this Python."""


def count(case: Case, tree: Tree, bench: Path) -> float:
    """Instructions of one step of ``case``, run by ``tree``'s packages and the ``bench`` in the folder given.

    Raises:
        CannotCount: there is no Valgrind.
        BenchFailed: the case's program failed, or left no counts.
    """
    if shutil.which("valgrind") is None:
        raise CannotCount("valgrind is not installed (Debian: apt-get install valgrind)")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name).resolve()
        data = folder / "data"
        data.mkdir()
        command = [
            *_without_randomisation(),
            *("valgrind", "-q", "--tool=callgrind", f"--dump-before={MARK}"),
            f"--callgrind-out-file={folder / 'counted'}",
            *(sys.executable, "-P", "-m", "bench.instructions.program", case.prepare.__module__, case.key, str(data)),
        ]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=_environment(tree, bench),
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"{case.key} took longer than {_SECONDS} s under Valgrind") from None
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise BenchFailed(f"{case.key} failed under Valgrind: {lines[-1] if lines else done.returncode}")
        once, twice = (_counted(folder / f"counted.{part}") for part in (2, 3))
    return (twice - once) / case.repeats


def _counted(dump: Path) -> int:
    found = _SUMMARY.search(dump.read_text()) if dump.exists() else None
    if found is None:
        raise BenchFailed(f"Callgrind wrote no counts at the marks: {dump.name}")
    return int(found[1])


def _environment(tree: Tree, bench: Path) -> dict[str, str]:
    # Little, and the same for everybody: the environment lies on the stack, and moves it.
    given = tree.environment(bench)
    return {
        **{name: given[name] for name in _KEPT if name in given},
        **_PLAIN_PROCESSOR,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
    }


def _without_randomisation() -> list[str]:
    """Addresses are what objects hash by, so they should be the same each time; containers may refuse that."""
    setarch = shutil.which("setarch")
    if setarch is None:
        return []
    words = [setarch, os.uname().machine, "-R"]
    return words if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0 else []
