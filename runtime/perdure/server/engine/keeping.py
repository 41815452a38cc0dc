"""Keeping the log, for clients. It concerns everybody, so a token that is for some only opens none of it."""

from __future__ import annotations

from datetime import timedelta

from perdure.api import keeping
from perdure.api.errors import BadRequest
from perdure.api.keeping import (
    BackupShape,
    Erase,
    FoldJobs,
    FoldShape,
    MakeBackup,
    MasterKeyId,
    Nothing,
    PlanErasure,
    PublicKey,
    RotateMasterKey,
    SealShape,
    TrimMachineCode,
    Trimmed,
    WaitingJob,
)
from perdure.api.twins import twin_of
from perdure.runtime.errors import InvalidRetention
from perdure.runtime.secrets.erasure import Erasure
from perdure.server.access.authorising import is_for, require_all
from perdure.server.access.caller import Caller
from perdure.server.engine.engine import Engine
from perdure.server.engine.handlers import Handlers


def add_handlers(handlers: Handlers) -> None:
    """The family's."""
    handlers.add(keeping.SEAL, seal)
    handlers.add(keeping.ROTATE_SEAL_KEY, rotate_seal_key)
    handlers.add(keeping.BACKUP, backup)
    handlers.add(keeping.FOLD, fold)
    handlers.add(keeping.ERASURE, erasure)
    handlers.add(keeping.ERASE, erase)
    handlers.add(keeping.ROTATE_MASTER_KEY, rotate_master_key)
    handlers.add(keeping.TRIM, trim)
    handlers.add(keeping.LOCKED, locked)


def seal(engine: Engine, caller: Caller, request: Nothing) -> SealShape:
    """See `Runtime.seal`."""
    require_all(caller)
    return twin_of(engine.runtime.seal(), SealShape)


def rotate_seal_key(engine: Engine, caller: Caller, request: Nothing) -> PublicKey:
    """See `Runtime.rotate_seal_key`."""
    require_all(caller)
    return PublicKey(key=engine.runtime.rotate_seal_key().hex())


def backup(engine: Engine, caller: Caller, request: MakeBackup) -> BackupShape:
    """See `Runtime.backup`."""
    require_all(caller)
    if not request.path.startswith("/"):
        raise BadRequest("the path has to be absolute: it is one of the server's machine", "path")
    return twin_of(engine.runtime.backup(request.path, keys=request.keys), BackupShape)


def fold(engine: Engine, caller: Caller, request: FoldJobs) -> FoldShape:
    """See `Runtime.fold_jobs`."""
    require_all(caller)
    try:
        older_than = timedelta(seconds=request.older_than_seconds)
    except (OverflowError, ValueError):
        raise InvalidRetention("older_than", "a time that there was") from None
    folded = engine.runtime.fold_jobs(older_than, job_type=request.job_type, dry_run=request.dry_run)
    return twin_of(folded, FoldShape)


def erasure(engine: Engine, caller: Caller, request: PlanErasure) -> Erasure:
    """See `Runtime.erasure`."""
    require_all(caller)
    _check_scope(request)
    return engine.runtime.erasure(extension=request.extension, library_id=request.library_id)


def erase(engine: Engine, caller: Caller, request: Erase) -> Erasure:
    """See `Runtime.erase`."""
    require_all(caller)
    _check_scope(request)
    by = caller.acting(request.by)
    return engine.runtime.erase(extension=request.extension, library_id=request.library_id, by=by)


def _check_scope(request: PlanErasure | Erase) -> None:
    if request.extension is None and request.library_id is None:
        raise BadRequest("say which extension, which library, or both", "extension")


def rotate_master_key(engine: Engine, caller: Caller, request: RotateMasterKey) -> MasterKeyId:
    """See `Runtime.rotate_master_key`."""
    require_all(caller)
    return MasterKeyId(id=engine.runtime.rotate_master_key(request.master_key))


def trim(engine: Engine, caller: Caller, request: TrimMachineCode) -> Trimmed:
    """See `Runtime.trim_machine_code`."""
    require_all(caller)
    return Trimmed(modules=engine.runtime.trim_machine_code(request.newest))


def locked(engine: Engine, caller: Caller, request: Nothing) -> list[WaitingJob]:
    """See `Runtime.waiting_for_unlock`; a caller sees those that it is for."""
    runtime = engine.runtime
    return [
        WaitingJob(job_id=job_id, extension=extension)
        for job_id, extension in runtime.waiting_for_unlock().items()
        if is_for(caller, runtime.store.job(job_id).extension, runtime.store.job(job_id).library_id)
    ]
