"""Proof: jobs that the server runs again, and bundles to take away."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx

from perdure.client.asynchronous.extensions import ExtensionMethods
from perdure.client.calls import proofs as calls
from perdure.client.calls.call import Call
from perdure.client.connection import unanswered
from perdure.client.new_file import new_file
from perdure.client.version_file import is_version_file
from perdure.client.wire import failure_of, http_request, is_success
from perdure.runtime.proof.proof import Proof
from perdure.runtime.rehearsal.job_rehearser import RehearsalLimits
from perdure.runtime.rehearsal.rehearsal import Rehearsal

if TYPE_CHECKING:
    from perdure.runtime.proof.bundle_writer import Written
    from perdure.runtime.proof.run_check import Stop
    from perdure.runtime.rehearsal.rehearsing import Told


class ProofMethods(ExtensionMethods):
    """How `AsyncClient` has jobs proved."""

    async def verify(self, job_id: UUID | str, *, stop: Stop | None = None) -> Proof:
        """See `Runtime.verify`; a process of the server does it."""
        task = await self._do(calls.verify(job_id))
        try:
            for pause in calls.pauses():
                if calls.has_ended(task):
                    return calls.proof_of(task)
                if stop is not None and stop.is_stopped:
                    await self._do(calls.cancel_verification(task))
                await asyncio.sleep(pause)
                task = await self._do(calls.verification(task))
        except BaseException as error:  # whoever presses Ctrl+C waits for it no longer, either
            if not calls.has_ended(task):
                await self._give_up(calls.cancel_verification(task), error)
            raise
        raise AssertionError("unreachable: there is always another look")

    async def rehearse(
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
        named = await self._rehearsed(os.fspath(version))
        task, seen = await self._do(calls.rehearse(named, sample, seed, workers, limits)), 0
        try:
            for pause in calls.pauses():
                for job in task.jobs:
                    seen += 1
                    told(job, seen, task.total)
                if calls.has_ended(task):
                    return calls.rehearsal_of(task)
                await asyncio.sleep(pause)
                task = await self._do(calls.rehearsal(task, seen))
        except BaseException as error:  # whoever presses Ctrl+C waits for it no longer, either
            if not calls.has_ended(task):
                await self._give_up(calls.cancel_rehearsal(task), error)
            raise
        raise AssertionError("unreachable: there is always another look")

    async def _give_up(self, cancel: Call[Any], error: BaseException) -> None:
        """Tell the server that nobody waits for a task; ``error`` is why, and is told if the server cannot be."""
        try:
            await self._do(cancel)
        except Exception as failure:  # noqa: BLE001  # whatever it is goes with the error that is raised
            error.add_note(calls.not_given_up(failure))

    async def _rehearsed(self, version: str) -> dict[str, str]:
        path = Path(version)
        if not is_version_file(path) or version in {known.extension for known in await self.extensions()}:
            return {"version": version}
        handed = await self._handed_over(path)
        return {"version": handed["path"]} if "path" in handed else handed

    async def export_bundle(
        self, job_id: UUID | str, path: str | os.PathLike[str], *, secrets: bool = False
    ) -> Written:
        """See `Runtime.export_bundle`; the file is one of this machine. With ``secrets`` the scope admin is needed."""
        request = http_request(call := calls.bundle(job_id, secrets))
        address = str(self.address)
        try:
            async with self._http.stream(
                request.verb, request.target, content=request.body, headers=request.headers, timeout=call.seconds
            ) as response:
                if not is_success(response.status_code):
                    raise failure_of(response.status_code, await response.aread(), address)
                written = calls.written(response.headers, address)
                with new_file(Path(path)) as file:
                    async for part in response.aiter_bytes():
                        await asyncio.to_thread(file.write, part)
                return written
        except httpx.HTTPError as error:
            raise unanswered(self.address, error) from None
