"""A process that rehearses: a hostile module, or a damaged page, can end nothing but this.

``python -m perdure.runtime.rehearsal.worker`` reads lines of JSON: an `Order`, then the ids of jobs, and answers each
of these with a line, a `JobRehearsal`.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path
from typing import IO, Final
from uuid import UUID

import msgspec

from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.runtime.proof.modules import ProofModules
from perdure.runtime.rehearsal.job_rehearser import Candidate, JobRehearser, RehearsalLimits
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.lmdb_store import LmdbEventStore

WASM_FILE: Final = "module.wasm"
CODE_FILE: Final = "module.cwasm"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is rehearsed: jobs of the log in ``data``, with the candidate whose files are in ``files``.

    ``code`` is the SHA-256 of its machine code. ``master_key`` comes through the pipe, where nobody else sees it.
    """

    data: str
    files: str
    code: str
    candidate: Candidate
    limits: RehearsalLimits
    master_key: bytes | None


def main(answers: IO[bytes]) -> None:
    """Answer every line of standard input."""
    lines = iter(sys.stdin.buffer)
    order = msgspec.json.decode(next(lines), type=Order)
    files = Path(order.files)
    wasm, code = (files / WASM_FILE).read_bytes(), (files / CODE_FILE).read_bytes()
    if hashlib.sha256(code).hexdigest() != order.code or hashlib.sha256(wasm).hexdigest() != order.candidate.module:
        raise SystemExit("the candidate's files are not what was written")
    guests = WasmGuestFactory(ProofModules(lambda _: wasm, lambda _: code))
    keychain = Keychain.of_folder(Path(order.data), order.master_key)
    with LmdbEventStore.open_readonly(order.data) as store:
        rehearser = JobRehearser(store, keychain, order.candidate, guests, order.limits)
        for line in lines:
            found = rehearser.rehearse(msgspec.json.decode(line, type=UUID))
            answers.write(msgspec.json.encode(found) + b"\n")
            answers.flush()


if __name__ == "__main__":
    # Ctrl-C is the parent's to deal with: it ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What something else prints must not stand between two answers.
    own = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(own, "wb") as answers:
        main(answers)
