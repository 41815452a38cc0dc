"""Jobs, for clients: dispatched and controlled."""

from __future__ import annotations

from perdure.api import jobs
from perdure.api.jobs import DispatchJob, Job, OneJob, StatusNow, job_of
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
