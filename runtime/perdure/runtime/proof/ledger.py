"""What was proved before, so that a verification of all jobs goes on where it was broken off.

A file of JSON lines in the data folder, only ever added to. It saves time and nothing else: whoever can write to the
folder can write a line, so an auditor begins anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from perdure.runtime.proof.proof import Proof, Versions
from perdure.store.events import UNREADABLE

LEDGER_FILE: Final = "proofs.jsonl"
_LINE_BYTES: Final = 4096


class Entry(msgspec.Struct, frozen=True):
    """A job was proved: up to event ``sequence`` with ``hash`` (hex), by these versions of perdure and wasmtime."""

    job: UUID
    sequence: int
    hash: str
    verdict: str
    perdure: str
    wasmtime: str
    seconds: float
    events: int


class ProofLedger:
    """The proofs of one data folder's jobs. For one thread."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER_FILE
        self._known = dict(self._entries())

    def _entries(self) -> list[tuple[UUID, Entry]]:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        found: list[tuple[UUID, Entry]] = []
        for line in data.split(b"\n"):
            if not line or len(line) > _LINE_BYTES:
                continue
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except UNREADABLE:
                continue  # a crash left a part of it; that job is verified again
            found.append((entry.job, entry))
        return found

    def is_proved(self, job_id: UUID, head: bytes, here: Versions) -> bool:
        """Whether the job was proved up to where it is now, by the versions that would prove it now."""
        entry = self._known.get(job_id)
        return entry is not None and (entry.hash, entry.perdure, entry.wasmtime) == (
            head.hex(),
            here.perdure,
            here.wasmtime,
        )

    def add(self, proof: Proof) -> None:
        """Take note of a proof; of a job that is not proved nothing is noted, since it is to be verified again.

        Raises:
            OSError: the file cannot be written.
        """
        if not proof.is_proved:
            return
        here = proof.verified_with
        entry = Entry(
            proof.job_id,
            proof.sequence,
            proof.hash,
            str(proof.verdict),
            here.perdure,
            here.wasmtime,
            proof.seconds,
            proof.events,
        )
        # One write, at the end of whatever is there, and on a line of its own: a crash may have left a part of one.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, b"\n" + msgspec.json.encode(entry) + b"\n")
        finally:
            os.close(descriptor)
        self._known[proof.job_id] = entry

    def forget(self) -> None:
        """Begin anew.

        Raises:
            OSError: the file cannot be removed.
        """
        self.path.unlink(missing_ok=True)
        self._known.clear()
