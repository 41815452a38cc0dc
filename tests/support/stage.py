"""One job at a time, brought to any status."""

from __future__ import annotations

from uuid import UUID

from tests.support.actor_rig import Rig
from tests.support.puppet import Puppet, Puppets

from perdure.actors import Exit, Interrupt
from perdure.store import Status
from perdure.store.events import RetryPolicy

LATER = RetryPolicy(attempts=5, initial_ms=60_000, jitter=0.0)


class Stage:
    """One job, brought to any status."""

    def __init__(self, rig: Rig, puppets: Puppets) -> None:
        self.rig = rig
        self.puppets = puppets

    def job(self, status: Status) -> UUID:
        if status is Status.QUEUED:
            return self.rig.dispatch(admit=False)
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

    def interrupt_of(self, puppet: Puppet) -> Interrupt:
        return puppet.do(lambda host: host.check_interrupt())
