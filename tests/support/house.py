"""An actor system whose actors a test can kill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from tests.support.actor_rig import Rig
from tests.support.puppet import Puppet, Puppets
from tests.support.waiting import eventually

from perdure.actors import ActorHooks, RestartLimit
from perdure.actors.messages import Run, encode_message

MakeRig = Callable[..., Rig]


class Restarts(ActorHooks):
    def __init__(self) -> None:
        self.restarted: list[str] = []
        self.facts: list[tuple[str, ...]] = []

    def actor_restarted(self, kind: str) -> None:
        self.restarted.append(kind)

    def attempt_failed(self, extension: str, job_type: str, kind: str) -> None:
        self.facts.append(("attempt", kind))

    def job_ended(self, extension: str, job_type: str, status: str, seconds: float) -> None:
        self.facts.append(("job", status))


class House:
    """An actor system whose actors a test can kill."""

    def __init__(self, make_rig: MakeRig) -> None:
        self.hooks = Restarts()
        self.puppets = Puppets()
        self.rig = make_rig(self.puppets, hooks=self.hooks, restarts=RestartLimit(deaths=3, seconds=60.0))

    def begin(self, **job: Any) -> tuple[UUID, Puppet]:
        job_id = self.rig.dispatch(**job)
        return job_id, self.puppets.of(job_id)

    def kill(self, name: str) -> None:
        """Let an actor die of a message that is not for it."""
        address = {"log": self.rig.system.log, "router": self.rig.system.router}.get(name)
        address = address or self.rig.system.extension_address(name)
        ref, restarts = address.ref, len(self.hooks.restarted)
        assert ref is not None
        ref.tell(encode_message(Run()))
        # It will be restarted, or was given up.
        eventually(lambda: len(self.hooks.restarted) > restarts or address.ref is None)

    def explode(self, job_id: UUID, puppet: Puppet, seconds: float = 0.0) -> None:
        """Let the job's actor die of a defect; returns when the supervisor knows, and ``seconds`` have passed."""
        failures, ends = len(self.hooks.restarted), len(self.hooks.facts)
        puppet.explode(ZeroDivisionError("a defect"))
        eventually(lambda: len(self.hooks.restarted) > failures or len(self.hooks.facts) > ends)
        assert self.rig.system.jobs.get(job_id) is None
        self.rig.advance(seconds)

    def kill_and_restart(self, name: str, seconds: float = 20.0) -> None:
        self.kill(name)
        self.rig.advance(seconds)


def restarted(house: House, times: int) -> Callable[[], bool]:
    return lambda: len(house.hooks.restarted) == times
