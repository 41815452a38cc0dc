"""The child that verifies: reading a damaged page, or a hostile module, can kill the process that does it.

``python -m perdure.cli.verify_process ORDER`` (`Order` as JSON) reads lines of JSON, each a job's id or the path of a
bundle, and answers each with lines of JSON: how far it is (`Step`), at last what it found (`Outcome`).
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.errors import ActorError
from perdure.cli.error_codes import error_line, exit_code
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.master_key_file import master_key
from perdure.runtime.credentials.lock_operations import MOST_SECONDS
from perdure.runtime.errors import PerdureError
from perdure.runtime.proof import Proof, Verifier, verify_bundle
from perdure.runtime.proof.modules import machine_code_of, recorded_artifacts
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.errors import StoreError
from perdure.store.lmdb_store import LmdbEventStore

LOG: Final = "log"
BUNDLE: Final = "bundle"
_TOLD_EVERY: Final = 0.1  # seconds


class Order(msgspec.Struct, frozen=True):
    """What is to be verified: jobs of the log in ``folder`` (`LOG`), or bundles (`BUNDLE`).

    ``keys``: open a bundle's sealed payloads with that folder's keys; ``seal_key``: a public key for seals, in hex.
    ``passphrases``: the first line of standard input has some, by extension: an order is an argument, which others see.
    """

    kind: str
    folder: str
    keys: bool = False
    seal_key: str | None = None
    passphrases: bool = False


class Step(msgspec.Struct, tag="step"):
    """How far it is: events that are done, of so many."""

    done: int
    events: int


class Outcome(msgspec.Struct, tag="outcome"):
    """What was found: a proof, or why there is none, and the exit code for that."""

    proof: Proof | None = None
    error: str = ""
    code: int = 0


Answer = Step | Outcome
Prove = Callable[[str, Callable[[int, int], None]], Proof]


def main(order: Order) -> None:
    """Answer every line of standard input."""
    with contextlib.ExitStack() as stack:
        try:
            keychain = _keychain(order)
            prove = _log(stack, Path(order.folder), keychain) if order.kind == LOG else _bundles(order, keychain)
        except (StoreError, PerdureError, CommandError) as error:
            failed = Outcome(error=error_line(error), code=exit_code(error))
            prove = None
        for line in sys.stdin.buffer:
            what = msgspec.json.decode(line, type=str)
            _say(failed if prove is None else _answer(prove, what))


def _keychain(order: Order) -> Keychain:
    keychain = Keychain.of_folder(Path(order.folder), master_key())
    if order.passphrases:
        found = msgspec.json.decode(sys.stdin.buffer.readline(), type=dict[str, str])
        for extension, passphrase in found.items():
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


def _answer(prove: Prove, what: str) -> Outcome:
    told = time.monotonic()

    def tell(done: int, events: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _TOLD_EVERY:
            told = time.monotonic()
            _say(Step(done, events))

    try:
        return Outcome(proof=prove(what, tell))
    except OSError as error:
        return Outcome(error=f"{what} cannot be read: {error.strerror or error}", code=ExitCode.USAGE)
    except (StoreError, PerdureError, ActorError) as error:
        return Outcome(error=error_line(error), code=exit_code(error))


def _say(answer: Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    # Ctrl-C is the parent's to deal with: it ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(msgspec.json.decode(sys.argv[1], type=Order))
