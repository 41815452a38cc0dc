"""One job through an actor system: what it leaves in the log, and what is measured of it."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from tests.support.actor_rig import Rig
from tests.support.job_events import LIBRARY
from tests.support.puppet import Puppets
from tests.support.python_guest import FUEL_PER_CALL, PythonHost
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import ActorHooks, Exit, GuestResult, GuestSpec, Interrupt, JobMeter
from perdure.store import MemoryBlobs, Status, StoreFailed
from perdure.store import events as ev
from perdure.store.events import INLINE_LIMIT, BlobRef, Inline, JobLimits, RetryPolicy

MakeRig = Callable[..., Rig]

# --- success ---------------------------------------------------------------------------------------------------------


def test_a_job_runs_to_its_end(make_rig: MakeRig) -> None:
    rig = make_rig(body=lambda host, state, spec: None)
    job_id = rig.dispatch()

    state = rig.wait(job_id, Status.COMPLETED)

    assert rig.tags(job_id) == ["dispatched", "started", "completed"]
    assert (state.attempts, state.progress) == (1, 1.0)
    eventually(lambda: rig.ended == [job_id])


def test_the_guest_gets_what_the_dispatcher_gave(make_rig: MakeRig) -> None:
    specs: queue.SimpleQueue[tuple[bytes, GuestSpec]] = queue.SimpleQueue()
    rig = make_rig(body=lambda host, state, spec: specs.put((state, spec)))
    limits = JobLimits(fuel=7, memory_bytes=1, stack_bytes=2, payload_bytes=3, checkpoint_bytes=4)

    job_id = rig.dispatch(b'{"n": 1}', limits=limits)

    state, spec = specs.get(timeout=TIMEOUT)
    assert state == b'{"n": 1}'
    assert (spec.job_id, spec.library_id, spec.extension, spec.export) == (job_id, LIBRARY, "acme", "execute_count")
    assert (spec.fuel, spec.memory_bytes, spec.stack_bytes) == (7, 1, 2)
    assert (spec.payload_bytes, spec.checkpoint_bytes) == (3, 4)


def test_a_large_state_comes_from_the_blob_store(make_rig: MakeRig) -> None:
    seen: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    rig = make_rig(body=lambda host, state, spec: seen.put(state))
    large = b"s" * (INLINE_LIMIT + 1)

    rig.dispatch(BlobRef(rig.store.blobs.put(large), len(large)))

    assert seen.get(timeout=TIMEOUT) == large


def test_what_the_guest_does_is_folded_into_the_job(make_rig: MakeRig) -> None:
    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        host.log(1, "begin")
        host.report_progress(0.25, "a quarter")
        host.increment_items(2)
        host.increment_items(3)
        host.increment_bytes(1_000)
        host.add_warning("odd")
        assert host.check_interrupt() is Interrupt.CONTINUE
        assert host.checkpoint(b'{"at": 5}')
        host.report_progress(0.5, "half")

    rig = make_rig(body=body)
    job_id = rig.dispatch()

    state = rig.wait(job_id, Status.COMPLETED)

    assert (state.items, state.bytes, state.warnings, state.checkpoints) == (5, 1_000, 1, 1)
    assert (state.message, state.fuel) == ("half", 9 * FUEL_PER_CALL)
    assert rig.tags(job_id) == [
        "dispatched", "started", "log", "progress", "items", "items", "bytes", "warning", "checkpoint", "progress",
        "completed",
    ]  # fmt: skip
    guest = [event for event in rig.events(job_id) if isinstance(event, ev.GuestEvent)]
    # The interrupt that was answered with "go on" leaves nothing, but it was a call.
    assert [event.call for event in guest] == [1, 2, 3, 4, 5, 6, 8, 9]
    assert [event.fuel for event in guest] == [FUEL_PER_CALL * event.call for event in guest]


@pytest.mark.parametrize(
    ("told", "stored"), [(-1.0, 0.0), (2.0, 1.0), (math.nan, 0.0), (math.inf, 1.0), (-math.inf, 0.0), (0.5, 0.5)]
)
def test_progress_is_a_fraction_whatever_the_guest_says(make_rig: MakeRig, told: float, stored: float) -> None:
    rig = make_rig(body=lambda host, state, spec: host.report_progress(told))
    job_id = rig.dispatch()
    rig.wait(job_id, Status.COMPLETED)

    assert [event.progress for event in rig.events(job_id) if isinstance(event, ev.ProgressReported)] == [stored]


@pytest.mark.parametrize(("told", "stored"), [(-5, 0), (0, 0), (3, 3), (4, 3)])
def test_a_log_level_is_one_of_four(make_rig: MakeRig, told: int, stored: int) -> None:
    rig = make_rig(body=lambda host, state, spec: host.log(told, "hm"))
    job_id = rig.dispatch()
    rig.wait(job_id, Status.COMPLETED)

    assert [event.level for event in rig.events(job_id) if isinstance(event, ev.LogWritten)] == [stored]


# --- checkpoints -----------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_on_disk_when_the_guest_goes_on(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch()
    puppet = puppets.of(job_id)

    puppet.do(lambda host: host.increment_items(7))
    assert puppet.do(lambda host: host.checkpoint(b"seven"))

    state = rig.job(job_id)
    assert state.checkpoint is not None
    assert (state.checkpoint.items, rig.tags(job_id)[-2:]) == (7, ["items", "checkpoint"])


def test_the_guest_waits_while_its_checkpoint_is_being_synced(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    puppet = puppets.of(rig.dispatch())
    rig.store.block()

    answer = puppet.begin(lambda host: host.checkpoint(b"x"))
    assert rig.store.blocked.acquire(timeout=TIMEOUT)

    assert not answer.done()
    rig.store.unblock()
    assert answer.result(TIMEOUT) is True


@pytest.mark.parametrize(("size", "kind"), [(INLINE_LIMIT, Inline), (INLINE_LIMIT + 1, BlobRef)])
def test_a_payload_over_64_kib_goes_to_the_blob_store(make_rig: MakeRig, size: int, kind: type) -> None:
    state = b"c" * size
    rig = make_rig(body=lambda host, _, spec: None if host.checkpoint(state) else GuestResult(Exit.FAILED, 0))
    job_id = rig.dispatch()
    rig.wait(job_id, Status.COMPLETED)

    [saved] = [event for event in rig.events(job_id) if isinstance(event, ev.CheckpointSaved)]
    assert isinstance(saved.state, kind)
    if isinstance(saved.state, BlobRef):
        assert rig.store.blobs.get(saved.state.digest) == state


def test_a_checkpoint_whose_blob_cannot_be_stored_is_refused_and_the_guest_goes_on(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch()
    puppet = puppets.of(job_id)

    def fail(self: MemoryBlobs, data: bytes) -> str:
        raise StoreFailed("blobs", "no luck")  # type: ignore[arg-type]  # any path will do

    with monkeypatch.context() as patch:
        patch.setattr(MemoryBlobs, "put", fail)
        assert puppet.do(lambda host: host.checkpoint(b"c" * (INLINE_LIMIT + 1))) is False

    assert puppet.do(lambda host: host.checkpoint(b"c" * (INLINE_LIMIT + 1))) is True
    puppet.end()
    assert rig.wait(job_id, Status.COMPLETED).checkpoints == 1


# --- a guest that says it was interrupted ----------------------------------------------------------------------------


def test_a_guest_that_interrupts_itself_waits_for_a_person(make_rig: MakeRig) -> None:
    rig = make_rig(body=lambda host, state, spec: GuestResult(Exit.INTERRUPTED, 3))

    state = rig.wait(rig.dispatch(), Status.PAUSED)

    assert not state.pause_requested


# --- what is measured ------------------------------------------------------------------------------------------------


class Measured(ActorHooks):
    def __init__(self) -> None:
        self.facts: list[tuple[object, ...]] = []
        self.meters: list[JobMeter] = []

    def attempt_started(self, meter: JobMeter, cause: str) -> None:
        self.facts.append(("started", cause))
        self.meters.append(meter)

    def attempt_ended(self, meter: JobMeter) -> None:
        self.facts.append(("ended", meter.fuel))

    def attempt_failed(self, extension: str, job_type: str, kind: str) -> None:
        self.facts.append(("failed", kind))

    def job_ended(self, extension: str, job_type: str, status: str, seconds: float) -> None:
        self.facts.append((status, seconds))


def test_the_hooks_are_told_of_every_attempt_and_end(make_rig: MakeRig) -> None:
    hooks, puppets = Measured(), Puppets()
    rig = make_rig(puppets, hooks=hooks)
    job_id = rig.dispatch(retry=RetryPolicy(attempts=2, initial_ms=0, jitter=0.0))
    puppets.of(job_id).fail()
    second = puppets.of(job_id)
    second.do(lambda host: host.increment_items())
    second.do(lambda host: host.checkpoint(b""))
    rig.clock.advance(2.5)
    second.end()
    rig.wait(job_id, Status.COMPLETED)
    rig.idle()

    assert hooks.facts == [
        ("started", "dispatch"), ("ended", 0), ("failed", "trap"),
        ("started", "retry"), ("ended", 2 * FUEL_PER_CALL), ("completed", 2.5),
    ]  # fmt: skip
    assert (hooks.meters[1].extension, hooks.meters[1].job_type) == ("acme", "acme:count")
    assert hooks.meters[1].calls == [0, 0, 1, 0, 0, 1, 0, 0]


# --- threads ---------------------------------------------------------------------------------------------------------


def threads_of_jobs() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("JobActor")]


def test_only_a_running_job_has_a_thread(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets, running_jobs=1)
    paused, waiting, failed = (rig.dispatch(retry=RetryPolicy(attempts=2)) for _ in range(3))
    puppet = puppets.of(paused)
    assert len(threads_of_jobs()) == 1
    rig.control(paused, "pause")
    puppet.end(Exit.INTERRUPTED)
    rig.wait(paused, Status.PAUSED)
    rig.wait(waiting, Status.RUNNING)
    puppets.of(waiting).end()
    puppets.of(failed).fail()
    rig.wait(failed, Status.BACKOFF)
    queued = rig.dispatch()
    puppets.of(queued)
    last = rig.dispatch()

    assert [rig.status(job_id) for job_id in (paused, failed, queued, last)] == [
        Status.PAUSED, Status.BACKOFF, Status.RUNNING, Status.QUEUED,
    ]  # fmt: skip
    assert rig.system.jobs.ids() == [queued]
    eventually(lambda: len(threads_of_jobs()) == 1)


def test_a_job_that_is_unknown_cannot_be_controlled(make_rig: MakeRig) -> None:
    rig = make_rig(body=lambda host, state, spec: None)

    with pytest.raises(LookupError):
        rig.control(UUID(int=1), "pause")
