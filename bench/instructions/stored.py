"""The counts that a change is held to, for each build of Python that they were made with: ``stored.json``.

A count holds for one build of the interpreter and for the versions of the packages that a case spends its time in. On
anything else there is nothing to compare with, which is no failure: ``--update`` adds what is counted there.
"""

from __future__ import annotations

import hashlib
import platform
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from bench.figure import BenchFailed
from bench.instructions.case import Case

STORED: Final = Path(__file__).with_name("stored.json")


class StoredCount(msgspec.Struct, frozen=True):
    """Instructions of one step, and the versions that it was counted with."""

    instructions: float
    packages: dict[str, str]


class Interpreter(msgspec.Struct, frozen=True):
    """What decides how many instructions Python itself needs; ``build`` is a digest of how it was compiled."""

    python: str
    build: str
    machine: str
    libc: str


class StoredCounts(msgspec.Struct):
    """One interpreter's counts by the keys of the cases."""

    interpreter: Interpreter
    cases: dict[str, StoredCount]


def this_interpreter() -> Interpreter:
    """The one that runs this."""
    options = (
        sysconfig.get_config_var(name) for name in ("CONFIG_ARGS", "OPT", "PY_CFLAGS_NODIST", "PGO_PROF_USE_FLAG")
    )
    # Without the folders it was installed to, which are words of these too.
    words = [word for option in options for word in str(option).split() if "/" not in word]
    compiled = f"{platform.python_implementation()} {platform.python_compiler()} {' '.join(words)}"
    return Interpreter(
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        build=hashlib.sha256(compiled.encode()).hexdigest()[:12],
        machine=platform.machine(),
        libc=" ".join(platform.libc_ver()),
    )


def packages_of(case: Case) -> dict[str, str]:
    """The versions that a count of ``case`` holds for."""
    return {name: version(name) for name in case.packages}


def read(path: Path = STORED) -> list[StoredCounts]:
    """All that is stored.

    Raises:
        BenchFailed: the file is not what `write` made.
    """
    if not path.exists():
        return []
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[StoredCounts])
    except msgspec.DecodeError as error:
        raise BenchFailed(f"{path} holds no stored counts: {error}") from None


def fitting(stored: list[StoredCounts], interpreter: Interpreter, case: Case) -> float | None:
    """The stored count of ``case``, if there is one for this interpreter and these packages."""
    for entry in stored:
        if entry.interpreter == interpreter and (count := entry.cases.get(case.key)) is not None:
            return count.instructions if count.packages == packages_of(case) else None
    return None


def updated(stored: list[StoredCounts], interpreter: Interpreter, counts: dict[str, StoredCount]) -> list[StoredCounts]:
    """What is stored with these counts in it; those of other interpreters and other cases stay."""
    others = [entry for entry in stored if entry.interpreter != interpreter]
    before = next((entry.cases for entry in stored if entry.interpreter == interpreter), {})
    return [*others, StoredCounts(interpreter, {**before, **counts})]


def write(stored: list[StoredCounts], path: Path = STORED) -> None:
    """Keep these."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(stored), indent=2) + b"\n")
