"""Credentials behind a passphrase: what is answered while they are locked, and how jobs wait for an unlocking."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.credentials.test_credentials import API_KEY, BASIC, delete, get, host_calls, names, refusal, store
from tests.support.backup_process import check_folder
from tests.support.gate import METHOD as GATE
from tests.support.gate import Gate
from tests.support.job_history import events_of
from tests.support.manual_clock import ManualClock
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.secret_calls import install_calls, run_calls
from tests.support.waiting import TIMEOUT, eventually

from perdure.metrics import PrometheusHooks, render
from perdure.runtime import JobHandle, Runtime, RuntimeSettings, Status
from perdure.runtime.errors import BadOperation, OperationError
from perdure.runtime.operations.declaration import Effect, action
from perdure.runtime.secrets.errors import CredentialsLocked, NeverSealed
from perdure.runtime.secrets.key_files import MemoryKeyFiles
from perdure.runtime.secrets.passphrase import Argon2Parameters
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store import check
from perdure.store.backups.restore import restore_backup
from perdure.store.events import JobFailed, JobRecovered, JobSuspended, OperationAnswered, Sealed
from perdure.store.memory_store import MemoryEventStore

RIGHT, OTHER, WRONG = "correct horse battery", "staple of the battery", "wrong horse battery"
QUICK = Argon2Parameters(memory_kib=64, passes=1, lanes=1)
SETTINGS = RuntimeSettings(passphrase_work=QUICK, shutdown_grace=0)


@pytest.fixture
def runtime(tmp_path: Path, clock: ManualClock) -> Iterator[Runtime]:
    with Runtime.open(tmp_path / "data", clock=clock, settings=SETTINGS) as runtime:
        for extension in ("notes", "photos"):
            install_calls(runtime, tmp_path, extension=extension)
        yield runtime


def passphrase(runtime: Runtime, passphrase: str, new: str | None = None, extension: str = "notes") -> bool:
    request = {"extension": extension, "passphrase": passphrase}
    changed = runtime.call("action:credentials.set_passphrase", request | ({"new_passphrase": new} if new else {}))
    return bool(changed.changed)


def unlock(runtime: Runtime, passphrase: str = RIGHT, seconds: int = 900, extension: str = "notes") -> None:
    request = {"extension": extension, "passphrase": passphrase, "seconds": seconds}
    runtime.call("action:credentials.unlock", request)


def lock(runtime: Runtime, extension: str = "notes") -> bool:
    return bool(runtime.call("action:credentials.lock", {"extension": extension}).was_unlocked)


def remove(runtime: Runtime, passphrase: str = RIGHT) -> None:
    runtime.call("action:credentials.remove_passphrase", {"extension": "notes", "passphrase": passphrase})


def state(runtime: Runtime, extension: str = "notes") -> Any:
    return runtime.call("query:credentials.lock_state", {"extension": extension})


# --- locked and unlocked ----------------------------------------------------------------------------------------------


def test_locked_until_the_passphrase_comes_and_again_after_its_time(runtime: Runtime, clock: ManualClock) -> None:
    store(runtime, "one", API_KEY)
    assert not state(runtime).has_passphrase
    assert passphrase(runtime, RIGHT) is False
    assert refusal(get, runtime, "one") == "unavailable"
    unlock(runtime, seconds=60)
    assert (state(runtime).unlocked, state(runtime).seconds) == (True, 60)
    assert get(runtime, "one") == API_KEY
    clock.advance(59)
    assert get(runtime, "one") == API_KEY  # and its time does not begin anew
    clock.advance(1)
    assert not state(runtime).unlocked
    assert refusal(get, runtime, "one") == "unavailable"
    unlock(runtime)
    assert get(runtime, "one") == API_KEY
    assert lock(runtime) is True
    assert lock(runtime) is False
    assert refusal(get, runtime, "one") == "unavailable"


def test_while_they_are_locked_nothing_is_stored_changed_or_deleted(runtime: Runtime) -> None:
    store(runtime, "one", API_KEY)
    passphrase(runtime, RIGHT)
    assert refusal(store, runtime, "one", BASIC) == "unavailable"
    assert refusal(store, runtime, "two", BASIC) == "unavailable"
    assert refusal(delete, runtime, "one") == "unavailable"
    for method, request in (
        ("action:credentials.refresh", {"name": "one"}),
        ("action:credentials.generate", {"name": "three"}),
        ("query:credentials.totp", {"name": "one"}),
    ):
        with pytest.raises(OperationError, match="perdure credentials unlock notes") as caught:
            runtime.call(method, request, extension="notes")
        assert caught.value.code == "unavailable"
    assert names(runtime) == ["one"]  # names are no secret
    store(runtime, "one", BASIC, extension="photos")  # and others are not concerned
    unlock(runtime)
    assert get(runtime, "one") == API_KEY
    store(runtime, "two", BASIC)
    assert (get(runtime, "two"), delete(runtime, "one"), names(runtime)) == (BASIC, True, ["two"])


def test_the_next_process_finds_them_locked(runtime: Runtime, tmp_path: Path, clock: ManualClock) -> None:
    passphrase(runtime, RIGHT)
    unlock(runtime)
    store(runtime, "one", API_KEY)
    runtime.close()
    with Runtime.open(tmp_path / "data", clock=clock, settings=SETTINGS) as again:
        assert refusal(get, again, "one") == "unavailable"
        unlock(again)
        assert get(again, "one") == API_KEY


def test_changing_and_removing_the_passphrase(runtime: Runtime, tmp_path: Path, clock: ManualClock) -> None:
    store(runtime, "one", API_KEY)
    passphrase(runtime, RIGHT)
    assert refusal(passphrase, runtime, OTHER) == "failed"  # there is one
    assert refusal(passphrase, runtime, WRONG, OTHER) == "permission_denied"
    assert passphrase(runtime, RIGHT, OTHER) is True
    assert refusal(get, runtime, "one") == "unavailable"
    assert refusal(unlock, runtime, RIGHT) == "permission_denied"
    unlock(runtime, OTHER)
    store(runtime, "two", BASIC)
    passphrase(runtime, OTHER, RIGHT)
    assert get(runtime, "one") == API_KEY  # what is unlocked stays so
    assert refusal(remove, runtime, OTHER) == "permission_denied"
    remove(runtime)
    runtime.close()
    with Runtime.open(tmp_path / "data", clock=clock, settings=SETTINGS) as again:
        assert (get(again, "one"), get(again, "two")) == (API_KEY, BASIC)
        assert not state(again).has_passphrase
        assert refusal(unlock, again) == "not_found"
        assert refusal(lock, again) == "not_found"
        assert refusal(remove, again) == "not_found"


def test_what_cannot_be_a_passphrase(runtime: Runtime) -> None:
    for word in ("short", "        ", "x" * 1025, ""):
        assert refusal(passphrase, runtime, word) == "invalid_payload"
        with pytest.raises(OperationError) as caught:
            passphrase(runtime, word)
        assert not word.strip() or word not in str(caught.value)
    assert refusal(passphrase, runtime, RIGHT, extension="notse") == "not_found"
    assert not state(runtime).has_passphrase


def test_composed_characters_are_the_same_however_they_are_typed(runtime: Runtime) -> None:
    passphrase(runtime, "caf\u00e9 au lait")
    unlock(runtime, "cafe\u0301 au lait")


def test_it_is_for_the_host_only(runtime: Runtime) -> None:
    for name in ("unlock", "set_passphrase", "remove_passphrase"):
        request = {"extension": "notes", "passphrase": RIGHT}
        with pytest.raises(OperationError) as caught:
            runtime.call(f"action:credentials.{name}", request, extension="notes")
        assert caught.value.code == "permission_denied"


# --- wrong passphrases ------------------------------------------------------------------------------------------------


def test_wrong_passphrases_are_slowed_down_counted_and_recorded(tmp_path: Path, clock: ManualClock) -> None:
    hooks = PrometheusHooks()
    with Runtime.open(tmp_path / "data", clock=clock, settings=SETTINGS, hooks=hooks) as runtime:
        install_calls(runtime, tmp_path)
        passphrase(runtime, RIGHT)
        for _ in range(3):
            assert refusal(unlock, runtime, WRONG) == "permission_denied"
        for wait in (1, 2, 4, 8):
            with pytest.raises(OperationError) as caught:
                unlock(runtime, RIGHT)  # not even the right one is looked at
            assert (caught.value.code, caught.value.retry_after_ms) == ("rate_limited", wait * 1000)
            assert state(runtime).retry_after_ms == wait * 1000
            clock.advance(wait)
            assert refusal(unlock, runtime, WRONG) == "permission_denied"
        clock.advance(300)
        unlock(runtime)
        assert refusal(unlock, runtime, WRONG) == "permission_denied"  # and it begins anew
        unlock(runtime)
        text = render(hooks.registry)[0].decode()
        assert 'perdure_passphrase_tries_total{extension="notes",outcome="wrong"} 8.0' in text
        assert 'perdure_passphrase_tries_total{extension="notes",outcome="throttled"} 4.0' in text
        tries = [call for call in host_calls(runtime) if call.method == "action:credentials.unlock"]
        assert [call.code for call in tries].count("permission_denied") == 8
        assert {call.caller for call in tries} == {"python"}


def test_a_passphrase_is_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        install_calls(runtime, tmp_path)
        passphrase(runtime, RIGHT)
        unlock(runtime)
        assert refusal(unlock, runtime, WRONG) == "permission_denied"
        passphrase(runtime, RIGHT, OTHER)
        runtime.call("action:credentials.remove_passphrase", {"extension": "notes", "passphrase": OTHER})
        with pytest.raises(OperationError, match="unknown_method"):
            runtime.call("action:credentials.unlok", {"extension": "notes", "passphrase": RIGHT})
        eventually(lambda: len(host_calls(runtime)) == 6)
        calls = [call for call in host_calls(runtime) if isinstance(call.payload, Sealed)]
        assert len(calls) == 6
        for call in calls:
            assert isinstance(call.payload, Sealed)
            assert b"sensitive" in call.payload.shown
            with pytest.raises(
                NeverSealed
            ):  # with the master key it could be read, and the lock would be worth nothing
                open_recorded(runtime.keychain, runtime.store.blobs, call.payload)
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(word.encode() in data for word in (RIGHT, OTHER, WRONG)), path
    assert not any(word in caplog.text for word in (RIGHT, OTHER, WRONG))


def test_what_forgets_its_secrets_is_not_for_guests() -> None:
    with pytest.raises(BadOperation, match="forgets"):
        action("vault.open", effect=Effect.IDEMPOTENT, forgets=True)


# --- what the log holds -----------------------------------------------------------------------------------------------


def test_what_was_refused_is_recorded_behind_the_lock(runtime: Runtime) -> None:
    passphrase(runtime, RIGHT)
    assert refusal(store, runtime, "one", {"type": "api_key", "key": "k-refused"}) == "unavailable"
    call = host_calls(runtime)[-1]
    assert isinstance(call.payload, Sealed)
    blobs = runtime.store.blobs
    with pytest.raises(CredentialsLocked):
        open_recorded(runtime.keychain, blobs, call.payload)
    assert b"perdure credentials unlock notes" in open_recorded(runtime.keychain, blobs, call.answer)
    unlock(runtime)
    assert json.loads(open_recorded(runtime.keychain, blobs, call.payload))["credential"]["key"] == "k-refused"


def test_what_was_called_before_is_closed_too(runtime: Runtime) -> None:
    store(runtime, "one", API_KEY)
    call = host_calls(runtime)[-1]
    passphrase(runtime, RIGHT)
    with pytest.raises(CredentialsLocked) as caught:
        open_recorded(runtime.keychain, runtime.store.blobs, call.payload)
    assert caught.value.extension == "notes"
    unlock(runtime)
    assert b"k-123" in open_recorded(runtime.keychain, runtime.store.blobs, call.payload)


# --- jobs -------------------------------------------------------------------------------------------------------------


class World:
    """A log and keys in memory, which outlive the runtimes that are opened on them one after the other."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.store = MemoryEventStore(self.clock.now)
        self.keys = MemoryKeyFiles()
        self.folder = folder
        self.got: list[str] = []
        self.arrived = threading.Event()

    def open(self, gate: Gate) -> Runtime:
        runtime = Runtime.in_memory(
            settings=SETTINGS, clock=self.clock, store=self.store, keys=self.keys, operations=[gate.handler],
            recover=False,
        )  # fmt: skip
        known = bool(runtime.extensions())
        methods = ["query:credentials.", "action:credentials.", "query:test."]
        self.jobs = PythonJobs(runtime, None if known else self.folder, self.body, extension="notes", methods=methods)
        runtime.recover()
        return runtime

    def body(self, host: PythonHost, state: bytes, spec: Any) -> None:
        answer = json.loads(host.call("query:credentials.get", b'{"name": "one"}'))
        host.report_progress(0.5, "got it")
        host.call(GATE)
        self.got.append(answer["credential"]["key"])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def broken_off(world: World) -> Any:
    """A job that has got a credential; its process is gone."""
    with Gate() as gate, world.open(gate) as runtime:
        store(runtime, "one", API_KEY)
        passphrase(runtime, RIGHT)
        unlock(runtime)
        job = world.jobs.start()
        gate.arrival()
        runtime.close(grace=0)
        return job.job_id


def ended(world: World, job: JobHandle) -> Status:
    """The job's status at its end. When it is woken, the clock says, and nobody knows when it is asked first."""

    def after_a_second() -> bool:
        world.clock.advance(1)
        return job.state.finished

    eventually(after_a_second)
    return job.status


def test_a_job_that_is_led_through_what_is_locked_waits_for_the_unlocking(world: World) -> None:
    job_id = broken_off(world)
    with Gate() as gate, world.open(gate) as runtime:
        gate.open()
        job = runtime.job(job_id)
        eventually(lambda: runtime.waiting_for_unlock() == {job_id: "notes"})
        assert job.status is Status.SUSPENDED
        assert "perdure credentials unlock notes" in events_of(job, JobSuspended)[-1].reason
        assert refusal(unlock, runtime, WRONG) == "permission_denied"
        assert job.status is Status.SUSPENDED
        unlock(runtime)
        assert ended(world, job) is Status.COMPLETED
        assert world.got == ["k-123"]
        assert events_of(job, JobRecovered)[-1].cause == "unlock"
        assert len(events_of(job, OperationAnswered)) == 2  # it was led, and asked nothing twice
        assert not events_of(job, JobFailed)
        assert runtime.waiting_for_unlock() == {}
    assert not list(check(world.store).problems)


def test_it_waits_in_as_many_processes_as_it_takes(world: World) -> None:
    job_id = broken_off(world)
    for _ in range(7):  # more than an actor may die
        with Gate() as gate, world.open(gate) as runtime:
            eventually(lambda runtime=runtime: job_id in runtime.waiting_for_unlock())  # type: ignore[misc]
    with Gate() as gate, world.open(gate) as runtime:
        gate.open()
        eventually(lambda: job_id in runtime.waiting_for_unlock())
        remove(runtime)
        assert ended(world, runtime.job(job_id)) is Status.COMPLETED


def test_a_job_that_waits_can_be_paused_and_cancelled(world: World) -> None:
    job_id = broken_off(world)
    with Gate() as gate, world.open(gate) as runtime:
        eventually(lambda: job_id in runtime.waiting_for_unlock())
        runtime.pause(job_id)
        assert runtime.job(job_id).status is Status.PAUSED
        unlock(runtime)
        assert runtime.job(job_id).status is Status.PAUSED
        runtime.cancel(job_id)
        assert runtime.job(job_id).status is Status.CANCELLED


def test_a_refusal_is_told_again_without_the_passphrase(world: World) -> None:
    """A guest that was told that all is locked goes on after a crash, although it still is."""

    def body(host: PythonHost, state: bytes, spec: Any) -> None:
        answer = json.loads(host.call("query:credentials.get", b'{"name": "one"}'))
        host.call(GATE)
        world.got.append(answer["code"])

    world.body = body  # type: ignore[method-assign]
    with Gate() as gate, world.open(gate) as runtime:
        store(runtime, "one", API_KEY)
        passphrase(runtime, RIGHT)
        job_id = world.jobs.start().job_id
        gate.arrival()
        runtime.close(grace=0)
    with Gate() as gate, world.open(gate) as runtime:
        gate.open()
        assert runtime.job(job_id).wait(TIMEOUT).status is Status.COMPLETED
        assert world.got == ["unavailable"]


def test_a_proof_says_what_is_locked(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        install_calls(
            runtime,
            tmp_path,
            ("query:credentials.list", b"{}"),
            ("action:credentials.store", json.dumps({"name": "two", "credential": BASIC}).encode()),
            ("query:credentials.get", b'{"name": "two"}'),
        )
        job = run_calls(runtime)
        assert runtime.verify(job.job_id).is_proved
        passphrase(runtime, RIGHT)
        proof = runtime.verify(job.job_id)
        (lost,) = proof.lost
        assert (str(proof.verdict), lost.call, lost.calls) == ("partial", 2, 2)
        assert "perdure credentials unlock notes" in lost.why
        # What was refused is led again without the passphrase, as far as it had no secrets.
        assert refusal(get, runtime, "two") == "unavailable"
        unlock(runtime)
        assert runtime.verify(job.job_id).is_proved


def test_erasing_takes_the_lock_along(runtime: Runtime) -> None:
    store(runtime, "one", API_KEY)
    passphrase(runtime, RIGHT)
    assert refusal(store, runtime, "two", BASIC) == "unavailable"
    done = runtime.erase(extension="notes")
    files = runtime.keychain._files.names()
    assert not [name for name in files if any(key in name for key in done.keys)]
    assert not [name for name in files if name.startswith("lock")]
    assert names(runtime) == []
    assert not state(runtime).has_passphrase
    store(runtime, "one", BASIC)
    assert get(runtime, "one") == BASIC


def test_rotating_the_master_key_while_they_are_locked(runtime: Runtime, tmp_path: Path, clock: ManualClock) -> None:
    store(runtime, "one", API_KEY)
    passphrase(runtime, RIGHT)
    runtime.rotate_master_key()
    runtime.close()
    with Runtime.open(tmp_path / "data", clock=clock, settings=SETTINGS) as again:
        assert refusal(get, again, "one") == "unavailable"
        unlock(again)
        assert get(again, "one") == API_KEY


def test_a_backup_of_what_is_locked(runtime: Runtime, tmp_path: Path) -> None:
    store(runtime, "one", API_KEY)
    passphrase(runtime, RIGHT)
    runtime.backup(tmp_path / "backup", keys=True)
    runtime.erase(extension="notes")
    copy = tmp_path / "restored"
    restore_backup(tmp_path / "backup", copy, check=check_folder, clock=runtime.clock.now)
    with Runtime.open(copy, settings=SETTINGS) as restored:
        assert refusal(get, restored, "one") == "unavailable"
        unlock(restored)
        assert get(restored, "one") == API_KEY


def test_what_is_refused_before_it_runs_is_behind_the_lock_too(runtime: Runtime, tmp_path: Path) -> None:
    install_calls(runtime, tmp_path, extension="poor", methods=["query:credentials."])
    passphrase(runtime, RIGHT, extension="poor")
    secret = {"name": "one", "credential": {"type": "api_key", "key": "k-refused"}}
    for method in ("action:credentials.store", "action:credentials.stroe"):
        with pytest.raises(OperationError) as caught:
            runtime.call(method, secret, extension="poor")
        assert caught.value.code == "permission_denied"
        eventually(lambda method=method: host_calls(runtime)[-1].method == method)  # type: ignore[misc]
        call = host_calls(runtime)[-1]
        with pytest.raises(CredentialsLocked):
            open_recorded(runtime.keychain, runtime.store.blobs, call.payload)
    unlock(runtime, extension="poor")
    assert b"k-refused" in open_recorded(runtime.keychain, runtime.store.blobs, call.payload)


def test_a_fork_of_what_is_locked(runtime: Runtime, tmp_path: Path) -> None:
    install_calls(runtime, tmp_path, ("query:credentials.get", b'{"name": "one"}'), extension="forked")
    store(runtime, "one", API_KEY, extension="forked")
    job = run_calls(runtime, "forked")
    passphrase(runtime, RIGHT, extension="forked")
    fork = runtime.fork(job.job_id, 3)
    eventually(lambda: runtime.waiting_for_unlock() == {fork.job_id: "forked"})
