"""The child that verifies: reading a damaged page, or a hostile module, can kill the process that does it.

``python -m perdure.server.verifying.process`` reads lines of JSON: an `Order`, then jobs' ids or the paths of bundles,
and answers each of these with lines of JSON: how far it is (`Step`), at last what it found (`Outcome`). It ends with
its standard input, whatever it is at: whoever wanted to know is gone then, also by ``kill -9``.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final
from uuid import UUID

import msgspec

from perdure.actors.errors import ActorError
from perdure.api.errors import BadRequest
from perdure.api.problems import Problem, problem_of
from perdure.runtime.credentials.lock_operations import MOST_SECONDS
from perdure.runtime.errors import PerdureError
from perdure.runtime.proof.modules import machine_code_of, recorded_artifacts
from perdure.runtime.proof.proof import Proof
from perdure.runtime.proof.verifying import Verifier, verify_bundle
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.errors import StoreError
from perdure.store.lmdb_store import LmdbEventStore

LOG: Final = "log"
BUNDLE: Final = "bundle"
_TOLD_EVERY: Final = 0.1  # seconds


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be verified: jobs of the log in ``folder`` (`LOG`), or bundles (`BUNDLE`).

    It comes through a pipe, where nobody else sees it.

    Attributes:
        keys: open a bundle's sealed payloads with that folder's keys.
        seal_key: a public key for seals, in hex.
        master_key: as `RuntimeSettings.master_key`.
        passphrases: of locked credentials, by extension.
    """

    kind: str
    folder: str
    keys: bool = False
    seal_key: str | None = None
    master_key: bytes | None = None
    passphrases: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Order({self.kind!r}, {self.folder!r})"


class Step(msgspec.Struct, tag="step"):
    """How far it is: events that are done, of so many."""

    done: int
    events: int


class Outcome(msgspec.Struct, tag="outcome"):
    """What was found: a proof, or why there is none."""

    proof: Proof | None = None
    problem: Problem | None = None


Answer = Step | Outcome
Prove = Callable[[str, Callable[[int, int], None]], Proof]
_KNOWN: Final = (StoreError, PerdureError, ActorError)


def main(answers: IO[bytes]) -> None:
    """Answer every line of standard input."""
    lines = _lines()
    order = msgspec.json.decode(next(lines), type=Order)
    with contextlib.ExitStack() as stack:
        failed: Outcome | None = None
        prove: Prove | None = None
        try:
            keychain = _keychain(order)
            prove = _log(stack, Path(order.folder), keychain) if order.kind == LOG else _bundles(order, keychain)
        except _KNOWN as error:
            failed = Outcome(problem=problem_of(error))
        for line in lines:
            what = msgspec.json.decode(line, type=str)
            _say(answers, failed if prove is None else _answer(prove, what, answers))


def _lines() -> Iterator[bytes]:
    """The lines of standard input. They are read on a thread, which sees their end while a guest runs on this one."""
    found: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin.buffer:
            found.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return iter(found.get, b"")  # no line is empty


def _keychain(order: Order) -> Keychain:
    keychain = Keychain.of_folder(Path(order.folder), order.master_key)
    for extension, passphrase in order.passphrases.items():
        keychain.locks.unlock(extension, passphrase, MOST_SECONDS)
    return keychain


def _log(stack: contextlib.ExitStack, folder: Path, keychain: Keychain) -> Prove:
    store = stack.enter_context(LmdbEventStore.open_readonly(folder))
    verifier = Verifier(store, keychain, machine_code_of(folder / "cache", recorded_artifacts(store)))
    return lambda job, tell: verifier.verify(UUID(job), tell=tell)


def _bundles(order: Order, keychain: Keychain) -> Prove:
    keys = keychain if order.keys else None
    seal_key = bytes.fromhex(order.seal_key) if order.seal_key is not None else None
    return lambda path, tell: verify_bundle(path, keychain=keys, seal_key=seal_key, tell=tell)


def _answer(prove: Prove, what: str, answers: IO[bytes]) -> Outcome:
    told = 0.0

    def tell(done: int, events: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _TOLD_EVERY:
            told = time.monotonic()
            _say(answers, Step(done, events))

    try:
        return Outcome(proof=prove(what, tell))
    except OSError as error:
        return Outcome(problem=problem_of(BadRequest(f"{what} cannot be read: {error.strerror or error}")))
    except _KNOWN as error:
        return Outcome(problem=problem_of(error))


def _say(answers: IO[bytes], answer: Answer | None) -> None:
    answers.write(msgspec.json.encode(answer) + b"\n")
    answers.flush()


if __name__ == "__main__":
    # Ctrl-C is the parent's to deal with: it ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What something else prints must not stand between two answers.
    own = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(own, "wb") as pipe:
        main(pipe)
