"""Verifying a job, from its log or from a bundle."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import msgspec

from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.runtime.proof.bundle import Bundle
from perdure.runtime.proof.bundle_writer import Written, write_bundle
from perdure.runtime.proof.job_source import Openings, StoredJob
from perdure.runtime.proof.modules import MachineCode, ProofModules, no_machine_code
from perdure.runtime.proof.proof import NotCompared, Proof, SealFinding, Verdict, Versions
from perdure.runtime.proof.run_check import Stop
from perdure.runtime.proof.verifier import Tell, verify
from perdure.runtime.seals.errors import InvalidSeal
from perdure.runtime.seals.proof import check_proof, decode_proof, encode_proof, proof_of
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.version import perdure_version
from perdure.runtime.wasm.boundary.names import BoundaryChoice
from perdure.runtime.wasm.engine import wasmtime_version
from perdure.store.event_store import EventStore
from perdure.store.events import job_stream

_COPIES = "its opened copy was taken from the bundle; that it is what was sealed, only who has the key can tell"


class Verifier:
    """Verifies jobs of one log. For one thread; modules are kept from job to job.

    Args:
        store: the log; nothing is written to it.
        keychain: opens what is sealed.
        machine_code: where machine code may be taken from (`perdure.runtime.proof.modules.machine_code_of`).
        boundary: how guests are reached; what is found is the same.
    """

    def __init__(
        self,
        store: EventStore,
        keychain: Keychain,
        machine_code: MachineCode = no_machine_code,
        boundary: BoundaryChoice = "auto",
    ) -> None:
        self._store = store
        self._keychain = keychain
        self._openings = Openings(store)
        self._guests = WasmGuestFactory(ProofModules(store.blobs.get, machine_code), boundary)

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

    def export(self, job_id: UUID, path: Path, *, secrets: bool = False) -> Written:
        """Write the job's bundle, as `write_bundle`, with the newest seal that covers it."""
        seal = proof_of(self._store, job_stream(job_id))  # first: what it covers is in the bundle then
        made_with = Versions(perdure_version(), wasmtime_version())
        encoded = None if seal is None else encode_proof(seal)
        return write_bundle(self.source(job_id), path, made_with, seal=encoded, secrets=secrets)


def verify_bundle(
    path: str | os.PathLike[str],
    *,
    keychain: Keychain | None = None,
    seal_key: bytes | None = None,
    stop: Stop | None = None,
    tell: Tell = lambda done, events: None,
) -> Proof:
    """Verify a bundle: nothing else is needed, and nothing is written anywhere.

    Args:
        path: the file, from whomever.
        keychain: the keys of the log that it comes from, where somebody has them.
        seal_key: a public key for seals that is trusted, of whatever time; None: the bundle's own are taken on trust.
        stop: stops it, from another thread.
        tell: told how far it is: events that are done, of so many.

    Raises:
        BadBundle: it is none, or is not what was written.
        OSError: it cannot be read.
        VerifyStopped: it was stopped.
    """

    def sealed(bundle: Bundle, data: bytes) -> SealFinding:
        return _seal_of(bundle, data, seal_key)

    with Bundle(Path(path), keychain, sealed) as bundle:
        guests = WasmGuestFactory(ProofModules(bundle.blobs.get))
        proof = verify(bundle, guests, perdure_version(), stop=stop, tell=tell)
        if not proof.compared.opened or keychain is not None or not bundle.used_opened:
            return proof
    taken = NotCompared("sealed payloads", proof.compared.opened, _COPIES, expected=False)
    verdict = Verdict.PARTIAL if proof.is_proved else proof.verdict
    return msgspec.structs.replace(proof, verdict=verdict, not_compared=(*proof.not_compared, taken))


def _seal_of(bundle: Bundle, data: bytes, key: bytes | None) -> SealFinding:
    """The bundle's seal, checked.

    Raises:
        InvalidSeal: it is none, it is another stream's, or the events are not those that were sealed.
    """
    checked = check_proof(decode_proof(data), key)
    stream = job_stream(bundle.job_id)
    if checked.stream != stream:
        raise InvalidSeal("the bundle's seal", f"it is that of {checked.stream}")
    if checked.sequence > bundle.sequence:
        reason = f"{checked.sequence} events were sealed, and the bundle has {bundle.sequence}: its end was cut off"
        raise InvalidSeal("the bundle's seal", reason)
    for stored in bundle.read(stream, after=checked.sequence - 1, until=checked.sequence):
        if stored.hash != checked.hash:
            reason = f"event {checked.sequence} or one before it is not what was sealed"
            raise InvalidSeal("the bundle's seal", reason)
    return SealFinding(checked.sequence, checked.time, checked.key.hex(), checked.trusted)
