"""A start that the log refuses because somebody paused the job first, and has resumed it since."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from tests.support.actor_rig import Rig
from tests.support.waiting import TIMEOUT

from perdure.actors import ActorHooks
from perdure.actors.lane import Lane
from perdure.store import Effects, JobState, Status


class HeldLane(Lane):
    """Its first event, the job's start, waits until it may be laid down."""

    posting = threading.Event()
    go_on = threading.Event()

    def post_durable(self, body: bytes, effects: Effects | None = None) -> int:
        self.posting.set()
        assert self.go_on.wait(TIMEOUT)
        return super().post_durable(body, effects)


class Restarts(ActorHooks):
    def __init__(self) -> None:
        self.kinds: list[str] = []

    def actor_restarted(self, kind: str) -> None:
        self.kinds.append(kind)


def test_a_start_between_a_pause_and_a_resume_is_no_death(
    make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("perdure.actors.system.Lane", HeldLane)
    hooks = Restarts()
    rig = make_rig(body=lambda host, state, spec: None, hooks=hooks)
    read = rig.store.job
    resumed: list[Status] = []

    def job(job_id: UUID) -> JobState:
        # The actor looks why its start was refused: by then somebody has resumed the job.
        if threading.current_thread().name.startswith("JobActor") and not resumed:
            resumed.append(rig.control(job_id, "resume"))
        return read(job_id)

    monkeypatch.setattr(rig.store, "job", job)
    job_id = rig.dispatch()
    assert HeldLane.posting.wait(TIMEOUT)
    assert rig.control(job_id, "pause") is Status.PAUSED
    HeldLane.go_on.set()

    state = rig.wait(job_id, Status.COMPLETED)
    assert resumed == [Status.QUEUED]
    assert state.attempts == 1
    assert rig.tags(job_id) == ["dispatched", "paused", "resumed", "started", "completed"]
    assert hooks.kinds == []
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
