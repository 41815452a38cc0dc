"""Verifications, rehearsals and bundles, for clients. A hostile module or a damaged page ends a child only."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from uuid import UUID

import msgspec

from perdure.api import proofs
from perdure.api.errors import BadRequest
from perdure.api.jobs import OneJob
from perdure.api.keeping import Nothing
from perdure.api.problems import error_of
from perdure.api.proofs import (
    CancelRehearsal,
    DisclosingBundle,
    OneRehearsal,
    OneVerification,
    RehearsalRun,
    RehearseVersion,
    Verification,
    VerifyJob,
)
from perdure.api.times import moment_of
from perdure.runtime.proof.proof import Proof
from perdure.runtime.rehearsal.job_rehearser import RehearsalLimits
from perdure.runtime.rehearsal.rehearsal import JobRehearsal, Rehearsal
from perdure.server.access.authorising import is_for, require_all, require_all_libraries, require_extension
from perdure.server.access.caller import Caller
from perdure.server.engine.engine import Engine
from perdure.server.engine.extensions import own_path
from perdure.server.engine.handlers import Handlers
from perdure.server.engine.long_tasks import LongTask, TaskCancelled
from perdure.server.engine.uploads import rename_file
from perdure.server.link.files import FileReady
from perdure.server.verifying.child import VerifyChild
from perdure.server.verifying.process import LOG, Order
from perdure.store.errors import UnknownJob
from perdure.store.lmdb_store import LmdbEventStore


def add_handlers(handlers: Handlers) -> None:
    """The family's."""
    handlers.add(proofs.VERIFY, verify)
    handlers.add(proofs.VERIFICATIONS, verifications)
    handlers.add(proofs.VERIFICATION, verification)
    handlers.add(proofs.CANCEL_VERIFICATION, cancel_verification)
    handlers.add(proofs.REHEARSE, rehearse)
    handlers.add(proofs.REHEARSAL, rehearsal)
    handlers.add(proofs.CANCEL_REHEARSAL, cancel_rehearsal)
    handlers.add_download(proofs.BUNDLE, bundle)
    handlers.add_download(proofs.DISCLOSING_BUNDLE, disclosing_bundle)


# --- verifications ---------------------------------------------------------------------------------------------------


def verify(engine: Engine, caller: Caller, request: VerifyJob) -> Verification:
    """See `Runtime.verify`; a child does it."""
    store = engine.runtime.store
    store.job(request.job_id)  # or UnknownJob
    if not isinstance(store, LmdbEventStore):
        raise BadRequest("a log in memory is verified in its own process")
    settings = engine.runtime.settings
    order = Order(kind=LOG, folder=str(store.path.absolute()), master_key=settings.master_key)

    def work(task: LongTask) -> Proof:
        with VerifyChild(order, request.timeout) as child:
            task.stop_with(child.close)
            outcome = child.verify(str(request.job_id), task.tell)
        if outcome.problem is not None:
            raise error_of(outcome.problem)
        return cast("Proof", outcome.proof)

    return _verification(engine.verifications.begin(str(request.job_id), caller.client, work))


def verifications(engine: Engine, caller: Caller, request: Nothing) -> list[Verification]:
    """All that are remembered; a caller sees those of jobs that it is for."""
    return [_verification(task) for task in engine.verifications.all() if _may_see(engine, caller, task)]


def verification(engine: Engine, caller: Caller, request: OneVerification) -> Verification:
    """One of them."""
    return _verification(_task(engine, caller, request.verification_id))


def cancel_verification(engine: Engine, caller: Caller, request: OneVerification) -> Verification:
    """Give it up."""
    task = _task(engine, caller, request.verification_id)
    task.cancel()
    return _verification(task)


def _task(engine: Engine, caller: Caller, task_id: UUID) -> LongTask:
    task = engine.verifications.get(task_id)
    if not _may_see(engine, caller, task):
        raise UnknownJob(task.about)
    return task


def _may_see(engine: Engine, caller: Caller, task: LongTask) -> bool:
    state = engine.runtime.store.job(UUID(task.about))
    return is_for(caller, state.extension, state.library_id)


def _verification(task: LongTask) -> Verification:
    status = task.status  # first: what it says is there then
    return Verification(
        verification_id=task.task_id,
        job_id=UUID(task.about),
        status=status,
        asked_by=task.client,
        asked_at=moment_of(task.asked_at),
        ended_at=moment_of(task.ended_at),
        done=task.done,
        events=task.total,
        proof=cast("Proof | None", task.result),
        problem=task.problem,
    )


# --- rehearsals ------------------------------------------------------------------------------------------------------


def rehearse(engine: Engine, caller: Caller, request: RehearseVersion) -> RehearsalRun:
    """See `Runtime.rehearse`."""
    require_all_libraries(caller)
    if (request.package is None) == (request.version is None):
        raise BadRequest("name a package that was uploaded, or a version; one of the two", "package")
    holding = contextlib.ExitStack()
    with contextlib.ExitStack() as stack:
        version, name = _rehearsed(engine, caller, request, stack)
        holding = stack.pop_all()

    def work(task: LongTask) -> Rehearsal:
        def told(job: JobRehearsal, done: int, total: int) -> None:
            task.parts.append(job)
            task.tell(done, total)

        with holding:
            try:
                return engine.runtime.rehearse(
                    version,
                    sample=request.sample,
                    seed=request.seed,
                    workers=request.workers,
                    limits=request.limits or RehearsalLimits(),
                    told=told,
                )
            except TaskCancelled:
                raise
            except Exception as error:
                rename_file(error, (Path(version),), name)
                raise

    try:
        task = engine.rehearsals.begin(name, caller.client, work)
    except BaseException:
        holding.close()
        raise
    return _run(task, 0)


def _rehearsed(
    engine: Engine, caller: Caller, request: RehearseVersion, stack: contextlib.ExitStack
) -> tuple[str, str]:
    """What `Runtime.rehearse` is given, and what people call it."""
    if request.package is not None:
        upload = stack.enter_context(engine.uploads.using(request.package))
        require_extension(caller, upload.extension)
        return str(upload.path), f"{upload.extension} {upload.version}"
    version = request.version or ""
    if "/" in version:
        return str(own_path(caller, version)), version
    require_extension(caller, version)
    return version, version


def rehearsal(engine: Engine, caller: Caller, request: OneRehearsal) -> RehearsalRun:
    """How far it is."""
    require_all(caller)
    return _run(engine.rehearsals.get(request.rehearsal_id), request.after)


def cancel_rehearsal(engine: Engine, caller: Caller, request: CancelRehearsal) -> RehearsalRun:
    """Give it up."""
    require_all(caller)
    task = engine.rehearsals.get(request.rehearsal_id)
    task.cancel()
    return _run(task, 0)


def _run(task: LongTask, after: int) -> RehearsalRun:
    status = task.status
    return RehearsalRun(
        rehearsal_id=task.task_id,
        version=task.about,
        status=status,
        asked_by=task.client,
        asked_at=moment_of(task.asked_at),
        ended_at=moment_of(task.ended_at),
        done=task.done,
        total=task.total,
        jobs=cast("list[JobRehearsal]", task.parts[after:]),
        rehearsal=cast("Rehearsal | None", task.result),
        problem=task.problem,
    )


# --- bundles ---------------------------------------------------------------------------------------------------------


def bundle(engine: Engine, caller: Caller, request: OneJob) -> FileReady:
    """See `Runtime.export_bundle`."""
    return _bundle(engine, request.job_id, disclosing=False)


def disclosing_bundle(engine: Engine, caller: Caller, request: DisclosingBundle) -> FileReady:
    """The same with ``secrets``; the log names who took it."""
    require_all(caller)
    return _bundle(engine, request.job_id, disclosing=True)


def _bundle(engine: Engine, job_id: UUID, *, disclosing: bool) -> FileReady:
    with _new_file(engine) as path:
        written = engine.runtime.export_bundle(job_id, path, secrets=disclosing)
        return FileReady(
            path=str(path),
            name=f"{job_id}.perdure",
            media_type=proofs.BUNDLE_TYPE,
            size=written.size,
            about=msgspec.structs.asdict(written),
        )


@contextlib.contextmanager
def _new_file(engine: Engine) -> Iterator[Path]:
    path = engine.uploads.folder / f"outgoing-{os.getpid()}-{secrets.token_hex(8)}"
    try:
        yield path
    except Exception as error:
        path.unlink(missing_ok=True)
        rename_file(error, (path,), "the bundle")
        raise
