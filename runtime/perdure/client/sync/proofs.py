"""Proof: jobs that the server runs again, and bundles to take away."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import httpx

from perdure.api.errors import ServerUnreachable
from perdure.client.calls import proofs as calls
from perdure.client.new_file import new_file
from perdure.client.sync.extensions import ExtensionMethods
from perdure.client.version_file import is_version_file
from perdure.client.wire import failure_of, http_request
from perdure.runtime.proof.proof import Proof
from perdure.runtime.rehearsal.job_rehearser import RehearsalLimits
from perdure.runtime.rehearsal.rehearsal import Rehearsal

if TYPE_CHECKING:
    from perdure.runtime.proof.bundle_writer import Written
    from perdure.runtime.proof.run_check import Stop
    from perdure.runtime.rehearsal.rehearsing import Told


class ProofMethods(ExtensionMethods):
    """How `Client` has jobs proved."""

    def verify(self, job_id: UUID | str, *, stop: Stop | None = None) -> Proof:
        """See `Runtime.verify`; a process of the server does it."""
        task = self._do(calls.verify(job_id))
        try:
            for pause in calls.pauses():
                if calls.has_ended(task):
                    return calls.proof_of(task)
                if stop is not None and stop.is_stopped:
                    self._do(calls.cancel_verification(task))
                time.sleep(pause)
                task = self._do(calls.verification(task))
        except BaseException:
            if not calls.has_ended(task):
                with contextlib.suppress(Exception):  # why it is given up matters more
                    self._do(calls.cancel_verification(task))
            raise
        raise AssertionError("unreachable: there is always another look")

    def rehearse(
        self,
        version: str | os.PathLike[str],
        *,
        sample: int | None = 20,
        seed: int | None = None,
        workers: int | None = None,
        limits: RehearsalLimits | None = None,
        told: Told = lambda job, done, total: None,
    ) -> Rehearsal:
        """See `Runtime.rehearse`; a path is of this machine."""
        named = self._rehearsed(os.fspath(version))
        task, seen = self._do(calls.rehearse(named, sample, seed, workers, limits)), 0
        try:
            for pause in calls.pauses():
                for job in task.jobs:
                    seen += 1
                    told(job, seen, task.total)
                if calls.has_ended(task):
                    return calls.rehearsal_of(task)
                time.sleep(pause)
                task = self._do(calls.rehearsal(task, seen))
        except BaseException:
            if not calls.has_ended(task):
                with contextlib.suppress(Exception):  # why it is given up matters more
                    self._do(calls.cancel_rehearsal(task))
            raise
        raise AssertionError("unreachable: there is always another look")

    def _rehearsed(self, version: str) -> dict[str, str]:
        path = Path(version)
        if not is_version_file(path) or version in {known.extension for known in self.extensions()}:
            return {"version": version}
        handed = self._handed_over(path)
        return {"version": handed["path"]} if "path" in handed else handed

    def export_bundle(self, job_id: UUID | str, path: str | os.PathLike[str], *, secrets: bool = False) -> Written:
        """See `Runtime.export_bundle`; the file is one of this machine. With ``secrets`` the scope admin is needed."""
        from perdure.runtime.proof.bundle_writer import Written  # noqa: PLC0415  # loads what runs jobs

        request = http_request(call := calls.bundle(job_id, secrets))
        address = str(self.address)
        try:
            with self._http.stream(
                request.verb, request.target, content=request.body, headers=request.headers, timeout=call.seconds
            ) as response:
                if response.is_error:
                    raise failure_of(response.status_code, response.read(), address)
                with new_file(Path(path)) as file:
                    for part in response.iter_bytes():
                        file.write(part)
                return Written(**calls.about(response.headers))
        except httpx.TimeoutException:
            raise TimeoutError(f"{address} did not answer in time") from None
        except httpx.HTTPError as error:
            raise ServerUnreachable(address, str(error) or type(error).__name__) from None
