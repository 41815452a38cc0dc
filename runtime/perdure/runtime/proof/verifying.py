"""Verifying a job, from its log or from a bundle."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import msgspec

from perdure.runtime.abi1.guest import ModuleGuestFactory
from perdure.runtime.proof.bundle import Bundle
from perdure.runtime.proof.job_source import Openings, StoredJob
from perdure.runtime.proof.modules import MachineCode, ProofModules, no_machine_code
from perdure.runtime.proof.proof import NotCompared, Proof, Verdict
from perdure.runtime.proof.run_check import Stop
from perdure.runtime.proof.verifier import Tell, verify
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.version import perdure_version
from perdure.store.event_store import EventStore

_COPIES = "its opened copy was taken from the bundle; that it is what was sealed, only who has the key can tell"


class Verifier:
    """Verifies jobs of one log. For one thread; modules are kept from job to job.

    Args:
        store: the log; nothing is written to it.
        keychain: opens what is sealed.
        machine_code: where machine code may be taken from (`perdure.runtime.proof.modules.machine_code_of`).
    """

    def __init__(self, store: EventStore, keychain: Keychain, machine_code: MachineCode = no_machine_code) -> None:
        self._store = store
        self._keychain = keychain
        self._openings = Openings(store)
        self._guests = ModuleGuestFactory(ProofModules(store.blobs.get, machine_code))

    def verify(self, job_id: UUID, *, stop: Stop | None = None, tell: Tell = lambda done, events: None) -> Proof:
        """Run a job again, up to where it is at this moment.

        Raises:
            UnknownJob: there is no such job.
            JobIsFolded: its events are gone.
            VerifyStopped: it was stopped.
        """
        return verify(self.source(job_id), self._guests, perdure_version(), stop=stop, tell=tell)

    def source(self, job_id: UUID) -> StoredJob:
        """The job, as it is at this moment.

        Raises:
            UnknownJob: there is no such job.
        """
        return StoredJob(self._store, job_id, self._keychain, self._openings)


def verify_bundle(
    path: str | os.PathLike[str],
    *,
    keychain: Keychain | None = None,
    stop: Stop | None = None,
    tell: Tell = lambda done, events: None,
) -> Proof:
    """Verify a bundle: nothing else is needed, and nothing is written anywhere.

    Args:
        path: the file, from whomever.
        keychain: the keys of the log that it comes from, where somebody has them.
        stop: stops it, from another thread.
        tell: told how far it is: events that are done, of so many.

    Raises:
        BadBundle: it is none, or is not what was written.
        OSError: it cannot be read.
        VerifyStopped: it was stopped.
    """
    with Bundle(Path(path), keychain) as bundle:
        guests = ModuleGuestFactory(ProofModules(bundle.blobs.get))
        proof = verify(bundle, guests, perdure_version(), stop=stop, tell=tell)
        if not proof.compared.opened or keychain is not None or not bundle.used_opened:
            return proof
    taken = NotCompared("sealed payloads", proof.compared.opened, _COPIES, expected=False)
    verdict = Verdict.PARTIAL if proof.is_proved else proof.verdict
    return msgspec.structs.replace(proof, verdict=verdict, not_compared=(*proof.not_compared, taken))
