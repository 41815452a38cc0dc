"""A component's run, from its state to its result: what reaches the host, and what reaches the guest."""

from __future__ import annotations

import json
import threading
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.component_wat import ComponentWat
from tests.support.module_guests import error_of, make_guest, run
from tests.support.recording_host import RecordingHost
from tests.support.wat import LIBRARY_ID, forever, repeat

from perdure.actors.guest import Exit, Interrupt, StopGuest

pytestmark = pytest.mark.usefixtures("boundary")

OTHER_LIBRARY = "01890a5d-ac96-774b-bcce-b302099a8058"


def component(body: str, wat: ComponentWat) -> bytes:
    wat.run(body)
    return wat.component()


def test_every_call_reaches_the_host_in_its_order() -> None:
    wat = ComponentWat()
    host = RecordingHost()
    calls = [
        wat.log("a line", 3),
        wat.progress(0.25, "a quarter"),
        f"(drop {wat.checkpoint('[1]')})",
        f"(drop {wat.interrupt()})",
        wat.warning("careful"),
        wat.count_bytes(2**40),
        wat.count_items(7),
        "(drop " + wat.call("query:vdfs.read", '{"a":1}') + ")",
        f"(drop {wat.call('action:vdfs.write', library=OTHER_LIBRARY)})",
    ]
    result = run(component("".join(calls) + wat.completed(), wat), host)
    assert result.exit is Exit.COMPLETED
    assert host.calls == [
        ("log", 3, "a line"),
        ("report_progress", 0.25, "a quarter"),
        ("checkpoint", b"[1]"),
        ("check_interrupt",),
        ("add_warning", "careful"),
        ("increment_bytes", 2**40),
        ("increment_items", 7),
        ("call", "query:vdfs.read", None, b'{"a":1}'),
        ("call", "action:vdfs.write", UUID(OTHER_LIBRARY), b"{}"),
    ]
    assert host.fuel == sorted(host.fuel)
    assert 0 < host.fuel[0] < host.fuel[-1] < result.fuel


def test_the_final_state_is_the_last_checkpoint() -> None:
    wat = ComponentWat()
    host = RecordingHost()
    assert run(component(wat.completed('{"current":3}'), wat), host).exit is Exit.COMPLETED
    assert host.calls == [("checkpoint", b'{"current":3}')]


def test_a_final_state_that_cannot_be_stored_is_no_completion() -> None:
    wat = ComponentWat()
    error = error_of(component(wat.completed("1"), wat), RecordingHost(stores=False))
    assert (error.kind, error.blame) == ("checkpoint_failed", "host")


@pytest.mark.parametrize("state", [b"", b"{}", '{"näme": "☃"}'.encode(), b"x" * 100_000])
def test_the_state_arrives_as_it_was(state: bytes) -> None:
    wat = ComponentWat()
    host = RecordingHost()
    assert run(component(wat.completed_with_state(), wat), host, state).exit is Exit.COMPLETED
    assert host.calls == [("checkpoint", state)]


def test_a_state_that_is_no_text_is_the_callers_affair() -> None:
    wat = ComponentWat()
    error = error_of(component(wat.completed(), wat), state=b'{"a": "\xff"}')
    assert (error.kind, error.blame, error.data) == ("load_failed", "caller", {"offset": 7})


@settings(max_examples=30)
@given(st.text(), st.text())
def test_any_text_passes_unchanged(message: str, state: str) -> None:
    wat = ComponentWat()
    host = RecordingHost()
    run(component(wat.warning(message) + wat.completed(state), wat), host)
    assert host.calls == [("add_warning", message), ("checkpoint", state.encode())]


@pytest.mark.parametrize(("answer", "number"), [(Interrupt.CONTINUE, 0), (Interrupt.PAUSE, 1), (Interrupt.CANCEL, 2)])
def test_answers_to_an_interrupt_check(answer: Interrupt, number: int) -> None:
    wat = ComponentWat()
    body = f"(if (i32.ne {wat.interrupt()} (i32.const {number})) (then (unreachable))) {wat.interrupted()}"
    assert run(component(body, wat), RecordingHost(interrupts=(answer,))).exit is Exit.INTERRUPTED


@pytest.mark.parametrize("stores", [True, False])
def test_the_answer_to_a_checkpoint(stores: bool) -> None:
    wat = ComponentWat()
    body = f"(if (i32.ne {wat.checkpoint('1')} (i32.const {int(not stores)})) (then (unreachable))) {wat.completed()}"
    assert run(component(body, wat), RecordingHost(stores=stores)).exit is Exit.COMPLETED


def echoing(offset: int, length_at: int, discriminant: int) -> bytes:
    """A guest that saves, as its final state, the text at this place of an operation's answer."""
    wat = ComponentWat()
    at = wat.room(36)
    body = f"""(local.set $p {wat.call("query:a.b")})
      (if (i32.ne (i32.load8_u (local.get $p)) (i32.const {discriminant})) (then (unreachable)))
      (i32.store8 (i32.const {at + 4}) (i32.const 1))
      (i32.store (i32.const {at + 8}) (i32.load offset={offset} (local.get $p)))
      (i32.store (i32.const {at + 12}) (i32.load offset={length_at} (local.get $p)))
      (i32.const {at})"""
    return component(body, wat)


ANSWERS = [
    b'{"ok": true}',
    b"null",
    '"☃"'.encode(),
    b"{" + b'"a":"' + b"b" * 70_000 + b'"}',
    b'{"error": "not one of ours", "code": "strange"}',
    b'{"code": "failed"}',
    b'{"error": 5, "code": "failed"}',
    b'["error", "code"]',
]


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_an_answer_is_passed_as_it_is(answer: bytes) -> None:
    host = RecordingHost(answer=answer)
    assert run(echoing(8, 12, 0), host).exit is Exit.COMPLETED
    assert host.calls[-1] == ("checkpoint", answer)


CODES = [
    "permission_denied",
    "library_denied",
    "rate_limited",
    "unknown_method",
    "invalid_payload",
    "not_found",
    "failed",
    "unavailable",
]


@pytest.mark.parametrize(("number", "code"), list(enumerate(CODES)))
def test_an_error_has_its_code_its_message_and_the_whole_answer(number: int, code: str) -> None:
    answer = json.dumps({"error": "it is so", "code": code, "retry_after_ms": 1_500}).encode()
    for offset, length_at, expected in ((12, 16, b"it is so"), (40, 44, answer)):
        host = RecordingHost(answer=answer)
        assert run(echoing(offset, length_at, 1), host).exit is Exit.COMPLETED
        assert host.calls[-1] == ("checkpoint", expected)
    wat = ComponentWat()
    body = f"""(local.set $p {wat.call("query:a.b")})
      (if (i32.ne (i32.load8_u offset=8 (local.get $p)) (i32.const {number})) (then (unreachable)))
      (if (i32.ne (i32.load8_u offset=24 (local.get $p)) (i32.const 1)) (then (unreachable)))
      (if (i64.ne (i64.load offset=32 (local.get $p)) (i64.const 1500)) (then (unreachable)))
      {wat.completed()}"""
    assert run(component(body, wat), RecordingHost(answer=answer)).exit is Exit.COMPLETED


@pytest.mark.parametrize("wait", ["", ', "retry_after_ms": "soon"', ', "retry_after_ms": -1'])
def test_an_error_without_a_time_to_wait(wait: str) -> None:
    wat = ComponentWat()
    body = f"""(local.set $p {wat.call("query:a.b")})
      (if (i32.load8_u offset=24 (local.get $p)) (then (unreachable))) {wat.completed()}"""
    host = RecordingHost(answer=f'{{"error": "no", "code": "rate_limited"{wait}}}'.encode())
    assert run(component(body, wat), host).exit is Exit.COMPLETED


def test_a_library_that_is_no_uuid_is_refused_without_asking_the_host() -> None:
    wat = ComponentWat()
    body = f"""(local.set $p {wat.call("query:a.b", library="a library")})
      (if (i32.ne (i32.load8_u offset=8 (local.get $p)) (i32.const 4)) (then (unreachable))) {wat.completed()}"""
    host = RecordingHost()
    assert run(component(body, wat), host).exit is Exit.COMPLETED
    assert host.calls == []


def test_the_context_names_the_job_and_its_library() -> None:
    # (job, context.job-id, context.library-id, state): the texts stand where the host put them.
    wat = ComponentWat()
    at = wat.room(36)
    body = f"""(i32.store8 (i32.const {at + 4}) (i32.const 1)) (i32.store (i32.const {at + 8}) (local.get 4))
      (i32.store (i32.const {at + 12}) (local.get 5)) (i32.const {at})"""
    host = RecordingHost()
    run(component(body, wat), host)
    assert host.calls == [("checkpoint", str(LIBRARY_ID).encode())]


def test_a_failure_has_the_guests_own_words() -> None:
    wat = ComponentWat()
    error = error_of(component(wat.failed("ValueError", "boom", "line 1\nline 2"), wat))
    assert (error.kind, error.message, error.blame) == ("guest_failed", "ValueError: boom", "guest")
    assert error.data == {"exception": "ValueError", "traceback": "line 1\nline 2"}


def test_a_failure_of_any_length_is_cut() -> None:
    wat = ComponentWat(memory="20")
    error = error_of(component(wat.failed("K" * 3_000, "m" * 9_000, "t" * 20_000 + "the end"), wat))
    assert len(error.message) < 2_500
    traceback = str(error.data["traceback"])
    assert len(traceback) == 16 * 1024
    assert traceback.endswith("the end")


def test_a_failure_without_words() -> None:
    wat = ComponentWat()
    assert error_of(component(wat.failed("", ""), wat)).message == "it failed without a message"


def test_a_failure_for_want_of_memory() -> None:
    wat = ComponentWat()
    error = error_of(component(wat.failed("MemoryError", "no room"), wat), memory_bytes=1 << 20)
    assert error.kind == "memory"
    assert error.limit is not None
    assert (error.limit.limit, error.limit.value) == ("memory_bytes", 1 << 20)


def test_a_host_that_stops_the_guest_is_asked_nothing_more() -> None:
    wat = ComponentWat()
    host = RecordingHost()

    def stop() -> None:
        raise StopGuest

    host.hooks["add_warning"] = stop
    result = run(component(wat.warning("1") + wat.warning("2") + wat.completed("3"), wat), host)
    assert result.exit is Exit.STOPPED
    assert host.calls == [("add_warning", "1")]


def test_a_host_that_stops_the_guest_at_its_last_checkpoint() -> None:
    wat = ComponentWat()
    host = RecordingHost()

    def stop() -> None:
        raise StopGuest

    host.hooks["checkpoint"] = stop
    assert run(component(wat.completed("3"), wat), host).exit is Exit.STOPPED


def test_a_defect_of_the_host_is_the_hosts() -> None:
    wat = ComponentWat()
    host = RecordingHost()

    def fail() -> None:
        raise OSError("the disk is gone")

    host.hooks["log"] = fail
    error = error_of(component(wat.log("x") + wat.completed(), wat), host)
    assert (error.kind, error.blame) == ("host_error", "host")
    assert "log: OSError: the disk is gone" in error.message


def test_two_guests_that_fail_at_once_keep_their_own_errors() -> None:
    """wasmtime-py carries a host function's exception through a variable of the process; nothing of that here."""
    wat = ComponentWat()
    binary = component(repeat(50, wat.warning("x")) + wat.completed(), wat)
    found: dict[int, Any] = {}
    barrier = threading.Barrier(4)

    def job(number: int) -> None:
        host = RecordingHost()

        def fail() -> None:
            if len(host.calls) == 10 + number:
                raise OSError(f"number {number}")

        host.hooks["add_warning"] = fail
        barrier.wait()
        found[number] = error_of(binary, host)

    threads = [threading.Thread(target=job, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {number: f"number {number}" in error.message for number, error in found.items()} == dict.fromkeys(
        range(4), True
    )


def test_a_guest_that_is_killed_before_it_runs_does_not() -> None:
    wat = ComponentWat()
    guest = make_guest(component(wat.log("x") + wat.completed(), wat))
    guest.kill()
    host = RecordingHost()
    assert guest.run(host, b"").exit is Exit.STOPPED
    assert host.calls == []
    guest.close()


def test_a_guest_that_never_calls_the_host_can_be_killed() -> None:
    wat = ComponentWat()
    guest = make_guest(component(wat.log("running") + forever() + wat.completed(), wat))
    host = RecordingHost()
    host.hooks["log"] = lambda: threading.Thread(target=guest.kill).start()
    assert guest.run(host, b"").exit is Exit.STOPPED
    guest.close()
    guest.close()
