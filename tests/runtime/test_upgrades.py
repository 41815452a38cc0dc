"""What becomes of unfinished jobs when a new version of their extension is installed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.support.gate import Gate
from tests.support.job_history import events_of, tags_of
from tests.support.runtime_wat import RuntimeWat
from tests.support.versions import STEPS, stepping, version_folder
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import (
    CallContext,
    Effect,
    JobHandle,
    Runtime,
    RuntimeSettings,
    Status,
    UpgradePolicy,
    action,
    grant_as_asked,
)
from perdure.runtime.errors import InvalidUpgradePolicy, ManifestError
from perdure.store import check
from perdure.store.events import (
    ExtensionInstalled,
    JobMoved,
    JobResumed,
    JobSuspended,
    LogWritten,
    UpgradePolicySet,
    WarningAdded,
    extension_stream,
    job_stream,
)

OLD, NEW = "1.0.0", "2.0.0"


@pytest.fixture
def gate(runtime: Runtime, tmp_path: Path) -> Iterator[Gate]:
    """The old version in the runtime, and the gate at which its jobs wait."""
    runtime.install(version_folder(tmp_path, OLD, stepping("old")))
    with Gate(runtime) as gate:
        yield gate


def install_new(runtime: Runtime, folder: Path, policy: str | None = None, word: str = "new") -> None:
    upgrade = {"walk": policy, "spin": policy} if policy is not None else None
    runtime.install(version_folder(folder, NEW, stepping(word), upgrade))


def words(job: JobHandle) -> list[str]:
    """What the versions said that ran it, as far as it counts."""
    return [
        entry.stored.event.message
        for entry in job.history()
        if isinstance(entry.stored.event, WarningAdded) and not entry.superseded
    ]


def walk_on(gate: Gate, job: JobHandle, steps: int) -> None:
    for _ in range(steps):
        gate.arrival().let_go()
    assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error


# --- the three policies, for a job that runs -------------------------------------------------------------------------


def test_without_a_policy_a_job_stays_on_the_module_of_its_dispatch(
    runtime: Runtime, gate: Gate, tmp_path: Path
) -> None:
    job = runtime.dispatch("acme:walk")
    first = gate.arrival()
    install_new(runtime, tmp_path)
    [upgrade] = runtime.upgrades("acme").jobs
    assert (upgrade.policy, upgrade.moves, upgrade.version) == (UpgradePolicy.STAY, False, OLD)
    first.let_go()
    walk_on(gate, job, STEPS - 1)
    assert words(job) == ["old"] * STEPS
    assert (job.state.version, job.attempts, job.state.moved_from) == (OLD, 1, "")


def test_a_running_job_moves_right_after_its_next_checkpoint(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = runtime.dispatch("acme:walk")
    first = gate.arrival()
    install_new(runtime, tmp_path, "checkpoint")
    assert runtime.upgrades("acme").lines == (
        f"1 unfinished job of acme:walk {OLD} moves to {NEW} at the next checkpoint",
    )
    first.let_go()
    walk_on(gate, job, STEPS - 1)
    assert words(job) == ["old", "new", "new"]
    assert tags_of(job)[:11] == [
        *("dispatched", "started", "log", "operation", "warning", "items", "checkpoint"),
        *("suspended", "moved", "resumed", "started"),
    ]
    state = job.state
    assert (state.version, state.moved_from, state.items, state.attempts) == (NEW, OLD, STEPS, 2)
    assert (state.failures, state.fuel_superseded) == (0, 0)
    assert not [entry for entry in job.history() if entry.superseded]
    [resumed] = events_of(job, JobResumed)
    assert (resumed.checkpoint, resumed.cause) == (7, "upgrade")
    assert events_of(job, JobSuspended)[0].reason == f"it moves to version {NEW}"
    assert runtime.upgrades("acme").jobs == ()
    assert check(runtime.store).problems == []


def test_a_running_job_restarts_at_its_next_call(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = runtime.dispatch("acme:walk")
    gate.arrival().let_go()
    second = gate.arrival()
    install_new(runtime, tmp_path, "restart")
    second.let_go()
    walk_on(gate, job, STEPS)
    assert words(job) == ["new"] * STEPS
    assert [event.checkpoint for event in events_of(job, JobResumed)] == [0]
    assert (job.state.items, job.state.failures, job.state.version) == (STEPS, 0, NEW)
    assert check(runtime.store).problems == []


def test_a_guest_that_never_calls_is_stopped_for_its_restart(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = runtime.dispatch("acme:spin")
    eventually(lambda: job.items == 1)
    install_new(runtime, tmp_path, "restart")
    eventually(lambda: job.state.version == NEW and job.items == 1)
    assert (job.attempts, job.state.failures) == (2, 0)
    runtime.cancel(job.job_id)
    assert job.wait(TIMEOUT).status is Status.CANCELLED


def test_a_cancel_goes_before_a_move(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = runtime.dispatch("acme:walk")
    first = gate.arrival()
    install_new(runtime, tmp_path, "checkpoint")
    runtime.cancel(job.job_id)
    first.let_go()
    assert job.wait(TIMEOUT).status is Status.CANCELLED
    assert events_of(job, JobMoved) == []


# --- jobs that do not run --------------------------------------------------------------------------------------------


def paused_after(runtime: Runtime, gate: Gate, steps: int) -> JobHandle:
    """A job that was stopped by force at the gate, behind so many checkpoints."""
    job = runtime.dispatch("acme:walk")
    for _ in range(steps):
        gate.arrival().let_go()
    gate.arrival()
    runtime.pause(job.job_id)
    eventually(lambda: job.status is Status.PAUSED)
    return job


def test_a_paused_job_restarts_when_it_is_resumed(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = paused_after(runtime, gate, 1)
    install_new(runtime, tmp_path, "restart")
    assert job.status is Status.PAUSED
    runtime.resume(job.job_id)
    walk_on(gate, job, STEPS)
    assert words(job) == ["new"] * STEPS
    assert [(event.checkpoint, event.cause) for event in events_of(job, JobResumed)] == [(0, "resume")]


def test_a_failed_job_is_retried_with_the_new_version_from_its_checkpoint(
    runtime: Runtime, gate: Gate, tmp_path: Path
) -> None:
    broken = stepping("broken", extra="(unreachable)")
    runtime.install(version_folder(tmp_path, "1.5.0", broken, {"walk": "checkpoint"}))
    job = runtime.dispatch("acme:walk")
    gate.arrival().let_go()
    assert job.wait(TIMEOUT).status is Status.FAILED
    install_new(runtime, tmp_path, "checkpoint")
    runtime.retry(job.job_id)
    walk_on(gate, job, STEPS - 1)
    assert words(job) == ["broken", "new", "new"]
    [resumed] = events_of(job, JobResumed)
    assert (resumed.cause, job.state.moved_from, job.state.version) == ("rerun", "1.5.0", NEW)


def test_a_queued_job_restarts_before_it_has_begun(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    running, queued = runtime.dispatch("acme:walk"), runtime.dispatch("acme:walk")
    waits = gate.arrival()
    install_new(runtime, tmp_path, "restart")
    runtime.cancel(running.job_id)
    waits.let_go()
    walk_on(gate, queued, STEPS)
    assert words(queued) == ["new"] * STEPS
    assert tags_of(queued)[:4] == ["dispatched", "moved", "resumed", "started"]


def test_a_queued_job_without_a_checkpoint_begins_with_the_old_version(
    runtime: Runtime, gate: Gate, tmp_path: Path
) -> None:
    running, queued = runtime.dispatch("acme:walk"), runtime.dispatch("acme:walk")
    waits = gate.arrival()
    install_new(runtime, tmp_path, "checkpoint")
    runtime.cancel(running.job_id)
    waits.let_go()
    walk_on(gate, queued, STEPS)
    assert words(queued) == ["old", "new", "new"]


# --- whose word counts -----------------------------------------------------------------------------------------------


def test_what_is_said_with_an_install_goes_before_the_manifest(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = runtime.dispatch("acme:walk")
    first = gate.arrival()
    folder = version_folder(tmp_path, NEW, stepping("new"), {"walk": "stay"})
    runtime.install(folder, upgrade={"acme:walk": "checkpoint"}, by="the operator")
    first.let_go()
    walk_on(gate, job, STEPS - 1)
    assert words(job) == ["old", "new", "new"]
    [set_] = [
        stored.event
        for stored in runtime.store.read(extension_stream("acme"))
        if isinstance(stored.event, UpgradePolicySet)
    ]
    assert (set_.policies, set_.by, set_.version) == ({"walk": "checkpoint"}, "the operator", NEW)


def test_a_policy_can_be_set_when_the_version_is_installed_already(
    runtime: Runtime, gate: Gate, tmp_path: Path
) -> None:
    job = runtime.dispatch("acme:walk")
    first = gate.arrival()
    install_new(runtime, tmp_path)
    runtime.set_upgrade_policy("acme", {"*": "checkpoint"})
    first.let_go()
    walk_on(gate, job, STEPS - 1)
    assert words(job) == ["old", "new", "new"]


def test_a_policy_holds_for_one_version(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    runtime.install(version_folder(tmp_path, OLD, stepping("old")), upgrade={"walk": "restart"})
    job = runtime.dispatch("acme:walk")
    first = gate.arrival()
    install_new(runtime, tmp_path)
    first.let_go()
    walk_on(gate, job, STEPS - 1)
    assert words(job) == ["old"] * STEPS


def test_a_version_that_waited_for_consent_brings_its_policy(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        runtime.install(version_folder(tmp_path, OLD, stepping("old")), consent=grant_as_asked)
        with Gate(runtime) as gate:
            job = runtime.dispatch("acme:walk")
            first = gate.arrival()
            more = {"methods": ["query:test.", "query:vdfs."]}
            runtime.install(version_folder(tmp_path, NEW, stepping("new"), permissions=more))
            runtime.accept_update("acme", upgrade={"walk": "checkpoint"})
            first.let_go()
            walk_on(gate, job, STEPS - 1)
            assert words(job) == ["old", "new", "new"]


@pytest.mark.parametrize("upgrade", [{"walk": "sometimes"}, {"other": "stay"}])
def test_a_policy_that_there_is_not_changes_nothing(
    runtime: Runtime, gate: Gate, tmp_path: Path, upgrade: dict[str, str]
) -> None:
    before = runtime.store.position()
    folder = version_folder(tmp_path, NEW, stepping("new"))
    with pytest.raises(InvalidUpgradePolicy) as caught:
        runtime.install(folder, upgrade=upgrade)
    assert caught.value.known
    with pytest.raises(InvalidUpgradePolicy):
        runtime.set_upgrade_policy("acme", upgrade)
    assert runtime.inspect("acme").version == OLD
    assert [stored.stream for stored in runtime.store.read_all(after=before) if "runtime" not in stored.stream] == []


def test_a_manifest_with_a_policy_that_there_is_not_is_refused(runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"jobs.walk.upgrade"):
        runtime.install(version_folder(tmp_path, NEW, stepping("new"), {"walk": "later"}))


# --- what cannot move ------------------------------------------------------------------------------------------------


def test_a_job_whose_type_is_gone_stays_and_it_is_said(
    runtime: Runtime, gate: Gate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = runtime.dispatch("acme:walk")
    first = gate.arrival()
    with caplog.at_level(logging.WARNING):
        runtime.install(version_folder(tmp_path, NEW, stepping("new", jobs=("spin",)), {"walk": "restart"}))
    [refused] = runtime.upgrades("acme").refused
    assert refused.reason == f"version {NEW} has no such job type"
    assert refused.reason in caplog.text
    first.let_go()
    walk_on(gate, job, STEPS - 1)
    assert words(job) == ["old"] * STEPS


def test_a_job_that_cannot_be_resumed_does_not_move_at_a_checkpoint(
    runtime: Runtime, gate: Gate, tmp_path: Path
) -> None:
    job = runtime.dispatch("acme:walk")
    first = gate.arrival()
    module = stepping("new", resumable=False)
    runtime.install(version_folder(tmp_path, NEW, module, {"walk": "checkpoint"}))
    assert [one.moves for one in runtime.upgrades("acme").jobs] == [False]
    first.let_go()
    walk_on(gate, job, STEPS - 1)
    assert words(job) == ["old"] * STEPS


def test_a_restarted_job_can_be_resumed_as_the_new_version_says(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = runtime.dispatch("acme:walk")
    first = gate.arrival()
    runtime.install(version_folder(tmp_path, NEW, stepping("new", resumable=False), {"walk": "restart"}))
    first.let_go()
    walk_on(gate, job, STEPS)
    assert not job.state.resumable


# --- crashes ---------------------------------------------------------------------------------------------------------


def reopened(folder: Path) -> Runtime:
    return Runtime.open(folder, settings=RuntimeSettings(kill_grace=0.2, shutdown_grace=0.2), recover=False)


def test_a_process_that_ends_between_an_install_and_its_load_leaves_the_moves_to_the_next(
    runtime: Runtime, gate: Gate, tmp_path: Path
) -> None:
    job = paused_after(runtime, gate, 1)
    new = version_folder(tmp_path, NEW, stepping("new"))
    module = runtime.store.blobs.put(stepping("new"))
    manifest = (new / "manifest.json").read_bytes()
    events = [ExtensionInstalled("acme", NEW, manifest, module, 1), UpgradePolicySet(NEW, {"walk": "restart"}, "cli")]
    runtime.store.append(extension_stream("acme"), events)
    runtime.close()
    with reopened(tmp_path / "data") as after, Gate(after) as anew:
        again = after.job(job.job_id)
        after.recover()
        after.resume(job.job_id)
        walk_on(anew, again, STEPS)
        assert words(again) == ["new"] * STEPS


def test_a_process_that_ends_between_the_checkpoint_and_the_move_loses_nothing(
    runtime: Runtime, gate: Gate, tmp_path: Path
) -> None:
    job = paused_after(runtime, gate, 1)
    install_new(runtime, tmp_path, "checkpoint")
    # As if it had been stopped right behind its checkpoint: what the guest did since is not in the log.
    stream = job_stream(job.job_id)
    kept = [stored.event for stored in runtime.store.read(stream, until=7)]
    runtime.close()
    data = tmp_path / "other"
    with reopened(data) as other:
        other.install(version_folder(tmp_path, OLD, stepping("old")), consent=grant_as_asked)
        other.store.append(stream, [*kept, JobSuspended("it moves", True, kept[-1].fuel)])  # type: ignore[union-attr]
        install_new(other, tmp_path, "checkpoint")
        with Gate(other) as anew:
            other.recover()
            again = other.job(job.job_id)
            walk_on(anew, again, STEPS - 1)
            assert words(again) == ["old", "new", "new"]
            assert tags_of(again)[7:11] == ["suspended", "moved", "resumed", "started"]
            assert not [entry for entry in again.history() if entry.superseded]


def test_a_job_that_did_more_since_its_checkpoint_is_taken_up_and_moves_at_the_next(
    runtime: Runtime, gate: Gate, tmp_path: Path
) -> None:
    job = paused_after(runtime, gate, 1)
    install_new(runtime, tmp_path, "checkpoint")
    assert tags_of(job).count("log") == 2  # the second step has begun
    runtime.resume(job.job_id)
    walk_on(gate, job, STEPS - 1)
    assert words(job) == ["old", "old", "new"]
    assert tags_of(job).count("recovered") == 1
    assert not [entry for entry in job.history() if entry.superseded]


# --- actions in doubt ------------------------------------------------------------------------------------------------


class _Nothing(msgspec.Struct):
    pass


class Sending:
    """``action:test.send``: the first call hangs until the test is over, later ones are done at once."""

    def __init__(self, runtime: Runtime) -> None:
        self.keys: list[str] = []
        self._over = threading.Event()
        runtime.operations.register(self._send)

    @action("test.send", effect=Effect.IDEMPOTENT, timeout=3600)
    def _send(self, context: CallContext, request: _Nothing) -> _Nothing:
        """Send."""
        self.keys.append(context.effect_key)
        if len(self.keys) == 1:
            self._over.wait(3 * TIMEOUT)
        return request

    def __enter__(self) -> Sending:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()


def sender(word: str) -> bytes:
    """A module whose job ``send`` sends, and then says its word."""
    wat = RuntimeWat()
    wat.job("send", f"(drop {wat.operation('action:test.send')}) {wat.log(word)} (i32.const 0)")
    return wat.module()


def test_an_action_in_doubt_is_brought_to_its_end_before_a_restart(runtime: Runtime, tmp_path: Path) -> None:
    may = {"methods": ["action:test."]}
    runtime.install(version_folder(tmp_path, OLD, sender("old"), permissions=may))
    with Sending(runtime) as sending:
        job = runtime.dispatch("acme:send")
        eventually(lambda: sending.keys)
        runtime.pause(job.job_id)
        eventually(lambda: job.status is Status.PAUSED)
        assert job.state.intent is not None
        runtime.install(version_folder(tmp_path, NEW, sender("new"), {"send": "restart"}, permissions=may))
        runtime.resume(job.job_id)
        assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
    tags = tags_of(job)
    assert tags.index("intent") < tags.index("recovered") < tags.index("action") < tags.index("moved")
    assert sending.keys[0] == sending.keys[1], "it was repeated under another name"
    assert [event.message for event in events_of(job, LogWritten)] == ["new"]
    assert tags.count("moved") == 1


def test_a_job_that_the_module_does_not_offer_is_warned_of(runtime: Runtime, tmp_path: Path) -> None:
    policies = {"walk": "checkpoint", "wlak": "restart"}
    info = runtime.install(version_folder(tmp_path, NEW, stepping("new"), policies))
    assert info.warnings == ("manifest.json: jobs.wlak: the module offers no such job",)


def test_a_manifest_of_an_earlier_release_may_have_anything_there(runtime: Runtime, tmp_path: Path) -> None:
    folder = version_folder(tmp_path, OLD, stepping("old"), jobs=["walk"])
    assert runtime.install(folder).warnings == ("manifest.json: the field jobs is unknown and has no effect",)
