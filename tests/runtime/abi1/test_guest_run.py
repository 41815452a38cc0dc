"""A guest's run, from its context to its result."""

from __future__ import annotations

import json
import logging
import math
import threading

import pytest
from tests.support.module_guests import SPEC, CompiledModules, digest, error_of, make_guest, run, spec_for
from tests.support.recording_host import RecordingHost
from tests.support.wat import (
    JOB_ID,
    LIBRARY_ID,
    RETURN_COMPLETED,
    RETURN_FAILED,
    RETURN_INTERRUPTED,
    Wat,
    f32,
    forever,
    i64,
    repeat,
)

from perdure.actors.guest import Exit, Guest, GuestFactory, GuestLoadFailed, Interrupt, StopGuest
from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.runtime.wasm.module_source import ModuleLoader
from perdure.store.errors import BlobMissing

pytestmark = pytest.mark.usefixtures("boundary")


def returning(result: str) -> bytes:
    wat = Wat()
    wat.job("test", result)
    return wat.module()


def test_fits_the_protocols() -> None:
    module = returning(RETURN_COMPLETED)
    factory: GuestFactory = WasmGuestFactory(CompiledModules(module))
    guest: Guest = make_guest(module)
    guest.close()
    assert callable(factory)


@pytest.mark.parametrize(
    ("body", "expected"),
    [(RETURN_COMPLETED, Exit.COMPLETED), (RETURN_INTERRUPTED, Exit.INTERRUPTED), (RETURN_FAILED, Exit.FAILED)],
)
def test_a_result_is_an_exit(body: str, expected: Exit) -> None:
    result = run(returning(body))
    assert result.exit is expected
    assert result.memory_bytes == 65_536
    assert result.fuel > 0
    assert (result.error is None) == (expected is not Exit.FAILED)


def test_the_last_error_that_was_logged_says_why_a_job_failed() -> None:
    wat = Wat()
    lines = [(3, "it went wrong"), (3, "the disk is full"), (2, "that was that")]
    logged = "".join(wat.call("spacedrive_log", level, wat.text(line)) for level, line in lines)
    wat.job("test", logged + RETURN_FAILED)
    error = error_of(wat.module())
    assert error.message == "execute_test returned 2 (failed): the disk is full"
    assert (error.kind, error.data["result"]) == ("guest_failed", 2)


def test_long_last_words_are_cut() -> None:
    wat = Wat()
    wat.job("test", wat.call("spacedrive_log", 3, wat.text("x" * 3_000)) + RETURN_FAILED)
    assert len(error_of(wat.module()).message) < 600


def test_returning_2_is_the_guests_own_failure() -> None:
    error = error_of(returning(RETURN_FAILED))
    assert (error.kind, error.blame) == ("guest_failed", "guest")


@pytest.mark.parametrize("value", [3, -1, 2**31 - 1, -(2**31)])
def test_any_other_result_breaks_the_contract(value: int) -> None:
    error = error_of(returning(f"(i32.const {value})"))
    assert error.kind == "abi_violation"
    assert error.data == {"function": "execute_test", "argument": "result", "value": value}


def echo() -> Wat:
    """A guest that checkpoints its context and then its state, whose length it adds as items."""
    wat = Wat()
    wat.job(
        "test",
        f"""(drop {wat.call("job_checkpoint", wat.job_id, "(local.get $ctx)", "(local.get $ctx_len)")})
            (drop {wat.call("job_checkpoint", wat.job_id, "(local.get $state)", "(local.get $state_len)")})
            {wat.call("job_increment_items", wat.job_id, "(i64.extend_i32_u (local.get $state_len))")}
            {wat.call("job_increment_bytes", wat.job_id, "(i64.extend_i32_u (local.get $state))")}
            {RETURN_COMPLETED}""",
    )
    return wat


def test_context_and_state_arrive_in_the_guests_memory() -> None:
    host = RecordingHost()
    state = b'{"target": 1000}' * 10_000
    assert run(echo().module(), host, state).exit is Exit.COMPLETED
    context, saved, length, _ = host.calls
    assert json.loads(context[1]) == {"job_id": str(JOB_ID), "library_id": str(LIBRARY_ID)}
    assert saved == ("checkpoint", state)
    assert length == ("increment_items", len(state))


def test_an_absent_state_has_no_pointer_and_no_length() -> None:
    host = RecordingHost()
    assert run(echo().module(), host, b"").exit is Exit.COMPLETED
    assert host.calls[1:] == [("checkpoint", b""), ("increment_items", 0), ("increment_bytes", 0)]


def test_a_state_may_be_any_bytes() -> None:
    host = RecordingHost()
    state = bytes(range(256))
    run(echo().module(), host, state)
    assert host.calls[1] == ("checkpoint", state)


def test_every_import_reaches_the_host() -> None:
    wat = Wat()
    wat.job(
        "test",
        f"""{wat.call("spacedrive_log", 3, wat.text("oh"))}
            {wat.call("job_report_progress", wat.job_id, f32(0.25), wat.text("a quarter"))}
            (drop {wat.call("job_checkpoint", wat.job_id, wat.text('{"current": 1}'))})
            (drop {wat.call("job_check_interrupt", wat.job_id)})
            {wat.call("job_add_warning", wat.job_id, wat.text("mind the gäp"))}
            {wat.call("job_increment_bytes", wat.job_id, i64(2**62))}
            {wat.call("job_increment_items", wat.job_id, i64(7))}
            (drop {wat.operation("query:test.ping", '{"message": "hi"}', wat.library_id)})
            (drop {wat.operation("action:vdfs.write_sidecar", "", 0)})
            {RETURN_COMPLETED}""",
    )
    host = RecordingHost()
    result = run(wat.module(), host)
    assert result.exit is Exit.COMPLETED
    assert host.calls == [
        ("log", 3, "oh"),
        ("report_progress", 0.25, "a quarter"),
        ("checkpoint", b'{"current": 1}'),
        ("check_interrupt",),
        ("add_warning", "mind the gäp"),
        ("increment_bytes", 2**62),
        ("increment_items", 7),
        ("call", "query:test.ping", LIBRARY_ID, b'{"message": "hi"}'),
        ("call", "action:vdfs.write_sidecar", None, b""),
    ]
    assert host.fuel == sorted(set(host.fuel)), "each call costs fuel, and the host is told how much by then"
    assert result.fuel > host.fuel[-1]


def test_progress_that_is_no_number_is_passed_on() -> None:
    wat = Wat()
    wat.job("test", wat.progress(f32("nan")) + wat.progress(f32("inf")) + wat.progress(f32("-7")) + RETURN_COMPLETED)
    host = RecordingHost()
    run(wat.module(), host)
    values = [call[1] for call in host.calls]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -7.0]


def test_a_checkpoint_that_was_not_stored_answers_1() -> None:
    wat = Wat()
    wat.job("test", wat.call("job_checkpoint", wat.job_id, wat.text("{}")))
    assert run(wat.module(), RecordingHost(stores=True)).exit is Exit.COMPLETED
    assert run(wat.module(), RecordingHost(stores=False)).exit is Exit.INTERRUPTED


@pytest.mark.parametrize("answer", list(Interrupt))
def test_an_interrupt_reaches_the_guest(answer: Interrupt) -> None:
    wat = Wat()
    wat.job("test", f"(i32.eq (i32.const {int(answer)}) {wat.call('job_check_interrupt', wat.job_id)})")
    # The comparison is 1 (interrupted) when the guest was told what the host said.
    assert run(wat.module(), RecordingHost(interrupts=(answer,))).exit is Exit.INTERRUPTED


def answered(payload: str = "{}") -> Wat:
    """A guest that checkpoints the answer of one call up to its NUL, and frees it."""
    wat = Wat()
    wat.job(
        "test",
        f"""(local.set $p {wat.operation(payload=payload)})
            (local.set $q (local.get $p))
            (block $end (loop $seek
              (br_if $end (i32.eqz (i32.load8_u (local.get $q))))
              (local.set $q (i32.add (local.get $q) (i32.const 1)))
              (br $seek)))
            (drop {wat.call("job_checkpoint", wat.job_id, "(local.get $p)", "(i32.sub (local.get $q) (local.get $p))")})
            (call $wasm_free (local.get $p) (i32.const 1))
            {RETURN_COMPLETED}""",
    )
    return wat


@pytest.mark.parametrize("answer", [b"{}", b'{"echo": "Pong: \xc3\xa9"}', b'{"x": "' + b"y" * 200_000 + b'"}'])
def test_an_answer_is_in_the_guests_memory_with_a_nul_behind_it(answer: bytes) -> None:
    host = RecordingHost(answer=answer)
    assert run(answered().module(), host).exit is Exit.COMPLETED
    assert host.calls[-1] == ("checkpoint", answer)


def test_a_guest_stopped_by_its_host_stops_without_another_call() -> None:
    wat = Wat()
    # Straight code: there is no fuel check between these calls.
    wat.job("test", wat.log("first") + wat.log("second") + wat.log("third") + RETURN_COMPLETED)
    host = RecordingHost()

    def stop() -> None:
        raise StopGuest

    host.hooks["log"] = stop
    result = run(wat.module(), host)
    assert result.exit is Exit.STOPPED
    assert result.error is None
    assert host.calls == [("log", 1, "first")]
    assert result.fuel == host.fuel[0], "what it did after the call that stopped it does not count"


def test_a_defect_of_the_host_ends_the_job_and_not_the_process(caplog: pytest.LogCaptureFixture) -> None:
    wat = Wat()
    wat.job("test", wat.log() + forever() + RETURN_COMPLETED)
    host = RecordingHost()

    def break_down() -> None:
        raise ZeroDivisionError("a defect")

    host.hooks["log"] = break_down
    with caplog.at_level(logging.ERROR):
        error = error_of(wat.module(), host)
    assert (error.kind, error.blame) == ("host_error", "host")
    assert error.data == {"function": "spacedrive_log", "exception": "ZeroDivisionError"}
    assert "ZeroDivisionError: a defect" in caplog.text, "the traceback is in the log"


def test_an_exit_of_the_program_passes_through() -> None:
    wat = Wat()
    wat.job("test", wat.log() + forever() + RETURN_COMPLETED)
    host = RecordingHost()

    def leave() -> None:
        raise SystemExit(3)

    host.hooks["log"] = leave
    with pytest.raises(SystemExit):
        run(wat.module(), host)


def test_register_job_is_refused_once_the_job_runs() -> None:
    wat = Wat()
    wat.job("test", wat.register("other", "execute_test"))
    assert run(wat.module()).exit is Exit.INTERRUPTED, "register_job answered 1"


def test_the_host_frees_what_it_allocated() -> None:
    wat = Wat(
        free="""(global $freed (mut i32) (i32.const 0))
        (func $wasm_free (export "wasm_free") (param i32 i32)
          (global.set $freed (i32.add (global.get $freed) (i32.const 1)))
          (if (i32.eq (global.get $freed) (i32.const 2)) (then unreachable)))"""
    )
    wat.job("test", RETURN_COMPLETED)
    result = run(wat.module(), state=b"{}")
    # The second call traps: there was one for the state, and one for the context. The job had returned by then.
    assert result.exit is Exit.COMPLETED


def test_wasm_free_is_called_for_the_state_and_the_context(caplog: pytest.LogCaptureFixture) -> None:
    for traps_at, expected in ((2, True), (3, False)):
        caplog.clear()
        wat = Wat(
            free=f"""(global $freed (mut i32) (i32.const 0))
            (func $wasm_free (export "wasm_free") (param i32 i32)
              (global.set $freed (i32.add (global.get $freed) (i32.const 1)))
              (if (i32.eq (global.get $freed) (i32.const {traps_at})) (then unreachable)))"""
        )
        wat.job("test", RETURN_COMPLETED)
        run(wat.module(), state=b"{}")
        assert ("wasm_free failed" in caplog.text) == expected


def test_a_module_without_wasm_free_runs() -> None:
    wat = Wat(free="")
    wat.job("test", RETURN_COMPLETED)
    assert run(wat.module(), state=b"{}").exit is Exit.COMPLETED


def test_kill_stops_an_endless_guest_that_never_calls_the_host() -> None:
    wat = Wat()
    wat.job("test", wat.log("looping") + forever() + RETURN_COMPLETED)
    host, looping = RecordingHost(), threading.Event()
    host.hooks["log"] = looping.set
    guest, results = make_guest(wat.module()), []
    thread = threading.Thread(target=lambda: results.append(guest.run(host, b"")))
    thread.start()
    assert looping.wait(30)
    guest.kill()
    guest.kill()
    thread.join(30)
    assert not thread.is_alive()
    guest.close()
    assert results[0].exit is Exit.STOPPED
    assert results[0].error is None


def test_kill_before_the_run_keeps_the_guest_from_beginning() -> None:
    wat = Wat()
    wat.init(wat.log("init") + RETURN_COMPLETED)
    wat.job("test", wat.log() + RETURN_COMPLETED)
    guest, host = make_guest(wat.module()), RecordingHost()
    guest.kill()
    result = guest.run(host, b"")
    guest.close()
    assert result.exit is Exit.STOPPED
    assert host.calls == []


def test_kill_after_close_does_nothing() -> None:
    guest = make_guest(returning(RETURN_COMPLETED))
    assert guest.run(RecordingHost(), b"").exit is Exit.COMPLETED
    guest.close()
    guest.close()
    guest.kill()


def test_a_guest_runs_once() -> None:
    guest = make_guest(returning(RETURN_COMPLETED))
    guest.run(RecordingHost(), b"")
    with pytest.raises(RuntimeError, match="runs once"):
        guest.run(RecordingHost(), b"")
    guest.close()


def test_a_guest_cannot_be_closed_from_its_own_host_call() -> None:
    wat = Wat()
    wat.job("test", wat.log() + RETURN_COMPLETED)
    guest, host = make_guest(wat.module()), RecordingHost()
    host.hooks["log"] = guest.close
    result = guest.run(host, b"")
    guest.close()
    assert result.error is not None
    assert result.error.kind == "host_error"


def test_an_export_that_is_not_there_is_refused() -> None:
    module = returning(RETURN_COMPLETED)
    with pytest.raises(GuestLoadFailed) as failure:
        make_guest(module, export="execute_other")
    assert failure.value.error.kind == "load_failed"
    assert failure.value.error.data == {"module": digest(module), "export": "execute_other"}


@pytest.mark.parametrize("export", ["wasm_alloc", "memory", "plugin_init"])
def test_an_export_that_is_no_job_is_refused(export: str) -> None:
    wat = Wat()
    wat.init(RETURN_COMPLETED)
    wat.job("test", RETURN_COMPLETED)
    with pytest.raises(GuestLoadFailed):
        make_guest(wat.module(), export=export)


@pytest.mark.parametrize(
    "limits",
    [
        {"fuel": -1},
        {"fuel": 2**62 + 1},
        {"memory_bytes": -1},
        {"stack_bytes": 0},
        {"stack_bytes": 2 * 1024 * 1024 + 1},
        {"stack_bytes": 2**40},
    ],
)
def test_limits_out_of_range_are_the_callers_fault(limits: dict[str, int]) -> None:
    with pytest.raises(GuestLoadFailed) as failure:
        make_guest(returning(RETURN_COMPLETED), **limits)
    assert (failure.value.error.kind, failure.value.error.blame) == ("load_failed", "caller")
    assert next(iter(limits)) in failure.value.error.message


def test_a_missing_module_is_the_hosts_fault() -> None:
    class Empty:
        def loader(self, module: str) -> ModuleLoader:
            raise BlobMissing(module)

    with pytest.raises(GuestLoadFailed) as failure:
        WasmGuestFactory(Empty())(SPEC)
    assert (failure.value.error.kind, failure.value.error.blame) == ("load_failed", "host")


def test_each_attempt_has_an_instance_of_its_own() -> None:
    wat = Wat()
    wat.add("(global $runs (mut i32) (i32.const 0))")
    wat.job(
        "test",
        "(global.set $runs (i32.add (global.get $runs) (i32.const 1))) (i32.sub (global.get $runs) (i32.const 1))",
    )
    module = wat.module()
    factory = WasmGuestFactory(CompiledModules(module))
    for _ in range(3):
        guest = factory(spec_for(digest(module)))
        assert guest.run(RecordingHost(), b"").exit is Exit.COMPLETED
        guest.close()


def test_plugin_init_runs_before_the_job_in_each_instance() -> None:
    wat = Wat()
    wat.add("(global $ready (mut i32) (i32.const 2))")
    wat.init("(global.set $ready (i32.const 0)) (i32.const 0)")
    wat.job("test", "(global.get $ready)")
    assert run(wat.module()).exit is Exit.COMPLETED


def test_many_calls_in_a_row() -> None:
    wat = Wat()
    wat.job("test", repeat(2_000, wat.call("job_increment_items", wat.job_id, i64(1))) + RETURN_COMPLETED)
    host = RecordingHost()
    assert run(wat.module(), host).exit is Exit.COMPLETED
    assert len(host.calls) == 2_000
