"""Proof: jobs that are run again and compared with the log, here or by whoever gets a bundle."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

from perdure.runtime.facade.parts import Parts
from perdure.runtime.identifiers import job_id_of
from perdure.runtime.proof.bundle_writer import Written
from perdure.runtime.proof.modules import machine_code_of, recorded_artifacts
from perdure.runtime.proof.proof import Proof
from perdure.runtime.proof.run_check import Stop
from perdure.runtime.proof.verifying import Verifier


class ProofFacade(Parts):
    """How `Runtime` proves what jobs did."""

    def verify(self, job_id: UUID | str, *, stop: Stop | None = None) -> Proof:
        """Run a job again, up to where it is, in sandboxes of its own, and compare it with the log (docs/proof.md).

        Nothing is written and no operation is called. It takes about as long as the job's guest did; ``stop`` ends it
        from another thread.

        Raises:
            UnknownJob: there is no such job.
            JobIsFolded: its events are gone.
            VerifyStopped: it was stopped.
        """
        self._check()
        return self._verifier().verify(job_id_of(job_id), stop=stop)

    def export_bundle(self, job_id: UUID | str, path: str | os.PathLike[str], *, secrets: bool = False) -> Written:
        """Write all that it takes to prove a job into one file, see `perdure.runtime.proof.bundle_writer.write_bundle`.

        Raises:
            UnknownJob, JobIsFolded: as for `verify`.
            BundleNotWritten: the file cannot be written.
            StoreError: part of the job cannot be read.
        """
        self._check()
        return self._verifier().export(job_id_of(job_id), Path(path), secrets=secrets)

    def _verifier(self) -> Verifier:
        machine_code = machine_code_of(self._cache_folder, recorded_artifacts(self.store))
        return Verifier(self.store, self.keychain, machine_code, self.settings.boundary)
