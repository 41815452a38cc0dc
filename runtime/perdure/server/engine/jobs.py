"""Jobs, for clients: dispatched and controlled."""

from __future__ import annotations

from perdure.api import jobs
from perdure.api.errors import BadRequest
from perdure.api.jobs import DispatchJob, ForkJob, Job, OneJob, ResolveJob, StatusNow, job_of
from perdure.server.access.caller import Caller
from perdure.server.engine.engine import Engine
from perdure.server.engine.handlers import Handlers


def add_handlers(handlers: Handlers) -> None:
    """The family's."""
    handlers.add(jobs.DISPATCH, dispatch)
    handlers.add(jobs.PAUSE, pause)
    handlers.add(jobs.RESUME, resume)
    handlers.add(jobs.CANCEL, cancel)
    handlers.add(jobs.RETRY, retry)
    handlers.add(jobs.FORK, fork)
    handlers.add(jobs.RESOLVE, resolve)


def dispatch(engine: Engine, caller: Caller, request: DispatchJob) -> Job:
    """See `Runtime.dispatch`."""
    handle = engine.runtime.dispatch(
        request.job_type,
        request.state,
        library_id=request.library_id,
        limits=request.limits,
        retry=request.retry,
        idempotency_key=request.idempotency_key,
    )
    return job_of(handle.state)


def pause(engine: Engine, caller: Caller, request: OneJob) -> StatusNow:
    """See `Runtime.pause`."""
    return StatusNow(job_id=request.job_id, status=engine.runtime.pause(request.job_id))


def resume(engine: Engine, caller: Caller, request: OneJob) -> StatusNow:
    """See `Runtime.resume`."""
    return StatusNow(job_id=request.job_id, status=engine.runtime.resume(request.job_id))


def cancel(engine: Engine, caller: Caller, request: OneJob) -> StatusNow:
    """See `Runtime.cancel`."""
    return StatusNow(job_id=request.job_id, status=engine.runtime.cancel(request.job_id))


def retry(engine: Engine, caller: Caller, request: OneJob) -> StatusNow:
    """See `Runtime.retry`."""
    return StatusNow(job_id=request.job_id, status=engine.runtime.retry(request.job_id))


def fork(engine: Engine, caller: Caller, request: ForkJob) -> Job:
    """See `Runtime.fork`."""
    if request.module is not None and not caller.is_owner:
        info = engine.runtime.inspect(engine.runtime.job(request.job_id).state.extension)
        versions = [info.version, *([info.update.version] if info.update is not None else [])]
        if request.module not in versions:
            raise BadRequest(f"it is none of {', '.join(versions)}; paths are for the owner of the folder", "module")
    made = engine.runtime.fork(
        request.job_id,
        request.at,
        state=request.state,
        answer=(request.call, request.answer) if request.call is not None else None,
        module=request.module,
        paused=request.paused,
    )
    return job_of(made.state)


def resolve(engine: Engine, caller: Caller, request: ResolveJob) -> StatusNow:
    """See `Runtime.resolve`."""
    status = engine.runtime.resolve(
        request.job_id,
        request.resolution,
        answer=request.answer,
        message=request.message,
        code=request.code,
        by=caller.client,
    )
    return StatusNow(job_id=request.job_id, status=status)
