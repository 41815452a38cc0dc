"""What a process was told is done, written down beside its data folder: the log must have all of it, whatever happens.

A line is one write to a file opened for appending, so it is whole, and outlives the process that is killed after it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import msgspec


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One acknowledgement.

    ``kind`` is ``installed``, ``dispatched``, ``checkpoint``, ``pause``, ``resume``, ``cancel``, ``ended`` or
    ``died`` (the failpoint ``detail`` is about to kill the process). ``call`` and ``detail`` are a checkpoint's host
    call and the SHA-256 of its state, or a job's last status. ``position`` is how far the log was for its readers.
    """

    pid: int
    kind: str
    position: int = 0
    job: UUID | None = None
    call: int = 0
    detail: str = ""


class Facts:
    """The file, for the process that states the facts. Any thread may."""

    def __init__(self, path: Path, position: Callable[[], int] = lambda: 0) -> None:
        self.position = position
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def state(self, kind: str, job: UUID | None = None, *, call: int = 0, detail: str = "") -> None:
        """Write one down."""
        fact = Fact(pid=os.getpid(), kind=kind, position=self.position(), job=job, call=call, detail=detail)
        os.write(self._file, msgspec.json.encode(fact) + b"\n")

    def close(self) -> None:
        os.close(self._file)


def read_facts(path: Path) -> list[Fact]:
    """All facts that were stated, in order."""
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=Fact) for line in path.read_bytes().splitlines()]
