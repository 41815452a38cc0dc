"""A first process that can crash, and the next one, which takes over."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from tests.support.actor_rig import Rig
from tests.support.puppet import Puppet, Puppets

from perdure.actors import ActorHooks

MakeRig = Callable[..., Rig]


class Recovered(ActorHooks):
    def __init__(self) -> None:
        self.jobs = 0
        self.ended: list[str] = []
        self.causes: list[str] = []

    def recovered(self, jobs: int) -> None:
        self.jobs += jobs

    def job_ended(self, extension: str, job_type: str, status: str, seconds: float) -> None:
        self.ended.append(status)

    def attempt_started(self, meter: object, cause: str) -> None:
        self.causes.append(cause)


class Crash:
    """A first process that can crash, and the next one, which takes over."""

    def __init__(self, make_rig: MakeRig) -> None:
        self._make_rig = make_rig
        self.puppets = Puppets()
        self.rig = make_rig(self.puppets)
        self.hooks = Recovered()

    def begin(self, **job: object) -> tuple[UUID, Puppet]:
        job_id = self.rig.dispatch(**job)  # type: ignore[arg-type]  # its keywords
        return job_id, self.puppets.of(job_id)

    def crash(self) -> Rig:
        """The next process."""
        self.rig.crash()
        return self.again()

    def again(self) -> Rig:
        self.rig = self._make_rig(self.puppets, predecessor=self.rig, hooks=self.hooks)
        return self.rig
