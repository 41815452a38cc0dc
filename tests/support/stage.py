"""One job at a time, brought to any status."""

from __future__ import annotations

import time
from uuid import UUID

from msgspec.structs import asdict
from tests.support.actor_rig import Rig
from tests.support.puppet import Puppet, Puppets

from perdure.actors import Exit, Interrupt
from perdure.store import Status
from perdure.store.events import (
    ActionIntended,
    ForkBegun,
    Inline,
    JobDispatched,
    JobInDoubt,
    JobStarted,
    RetryPolicy,
    job_stream,
)
from perdure.store.ids import uuid7

LATER = RetryPolicy(attempts=5, initial_ms=60_000, jitter=0.0)


class Stage:
    """One job, brought to any status."""

    def __init__(self, rig: Rig, puppets: Puppets) -> None:
        self.rig = rig
        self.puppets = puppets

    def job(self, status: Status) -> UUID:
        if status is Status.QUEUED:
            return self.rig.dispatch(admit=False)
        if status is Status.ATTENTION:
            return self._in_doubt()
        if status is Status.COPYING:
            return self._half_a_fork()
        job_id = self.rig.dispatch(retry=LATER if status is Status.BACKOFF else None)
        puppet = self.puppets.of(job_id)
        if status is Status.RUNNING:
            return job_id
        if status is Status.PAUSED:
            self.rig.control(job_id, "pause")
            puppet.end(Exit.INTERRUPTED)
        elif status is Status.SUSPENDED:
            self.rig.system.suspend_jobs([job_id], "unload")
            puppet.end(Exit.INTERRUPTED)
        elif status is Status.CANCELLED:
            self.rig.control(job_id, "cancel")
            puppet.end(Exit.INTERRUPTED)
        elif status is Status.COMPLETED:
            puppet.end()
        else:
            puppet.fail()
        self.rig.wait(job_id, status)
        self.rig.over(job_id)
        return job_id

    def _in_doubt(self) -> UUID:
        """As a process leaves it that died while an action ran which must not be done twice."""
        job_id = self.rig.dispatch(admit=False)
        intent = ActionIntended(1, 10, "action:mail.send", None, "non_idempotent", "ab" * 16, Inline(b"{}"))
        self.rig.system.append(job_stream(job_id), [JobStarted(1, 1), intent, JobInDoubt(1, 3)])
        return job_id

    def _half_a_fork(self) -> UUID:
        """A fork whose making has only begun."""
        original = self.rig.dispatch(admit=False)
        fork = uuid7(time.time_ns() // 1000)
        dispatched = self.rig.events(original)[0]
        assert isinstance(dispatched, JobDispatched)
        begun = ForkBegun(**(asdict(dispatched) | {"job_id": fork}), parent=original)
        self.rig.system.append(job_stream(fork), [begun], 0)
        return fork

    def interrupt_of(self, puppet: Puppet) -> Interrupt:
        return puppet.do(lambda host: host.check_interrupt())
