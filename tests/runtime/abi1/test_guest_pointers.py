"""Pointers and lengths at every edge, for every import, against a model that slices a bytes object."""

from __future__ import annotations

import struct
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.module_guests import CompiledModules, digest, make_guest, spec_for
from tests.support.recording_host import RecordingHost
from tests.support.wat import JOB_ID, LIBRARY_ID, PAGE, RETURN_COMPLETED, Wat, f32

from perdure.actors.guest import Exit, GuestResult
from perdure.runtime.abi1.interface import HOST_IMPORTS
from perdure.runtime.guests.factory import WasmGuestFactory

pytestmark = pytest.mark.usefixtures("boundary")

PAGES = 2
SIZE = PAGES * PAGE
# The interesting places of 32 bits: the edges of the memory, of the sign, and of the number itself.
EDGES = sorted(
    {
        (edge + step) % 2**32
        for edge in (0, 1_024, PAGE, SIZE - 16, SIZE, SIZE + PAGE, 2**31, 2**32)
        for step in range(-17, 18)
    }
)
numbers = st.sampled_from(EDGES) | st.integers(0, 2**32 - 1)


def signed(value: int) -> int:
    return value - 2**32 if value >= 2**31 else value


class Caller:
    """A guest that makes one call whose i32 arguments are in its state."""

    def __init__(self, name: str, *fixed: str | None) -> None:
        wat = Wat(memory=f"{PAGES} {PAGES}")
        self.job_id_at, self.library_id_at = wat.job_id, wat.library_id
        loads = (f"(i32.load offset={4 * index} (local.get $state))" for index in range(len(fixed)))
        arguments = [load if constant is None else constant for load, constant in zip(loads, fixed, strict=True)]
        drop = "drop" if HOST_IMPORTS[name].signature.results else ""
        call = wat.call(name, *arguments)
        wat.job("test", f"{f'({drop} {call})' if drop else call} {RETURN_COMPLETED}")
        module = wat.module()
        self.name = name
        self._factory = WasmGuestFactory(CompiledModules(module))
        self._module = digest(module)

    def __call__(self, *arguments: int, **changes: int) -> tuple[GuestResult, RecordingHost]:
        host = RecordingHost()
        guest = self._factory(spec_for(self._module, **changes))
        result = guest.run(host, struct.pack(f"<{len(arguments)}I", *arguments))
        guest.close()
        return result, host

    def violation(self, *arguments: int) -> tuple[str, int | str]:
        """The argument that the call was refused for, and its value."""
        result, host = self(*arguments)
        assert host.calls == []
        assert result.exit is Exit.FAILED
        assert result.error is not None
        assert result.error.kind == "abi_violation"
        assert result.error.data["function"] == self.name
        return result.error.data["argument"], result.error.data["value"]


def expected_violation(pointer: int, length: int, size: int = SIZE) -> tuple[str, int] | None:
    """The model: which of the two is to blame, and as what it is shown."""
    if signed(length) < 0:
        return "len", signed(length)
    if length == 0 or pointer + length <= size:
        return None
    return ("ptr", pointer) if pointer >= size else ("len", length)


LOG = Caller("spacedrive_log", "(i32.const 1)", None, None)
PROGRESS = Caller("job_report_progress", None, f32(0.5), None, None)
CHECKPOINT = Caller("job_checkpoint", None, None, None)
INTERRUPT = Caller("job_check_interrupt", None)
WARNING = Caller("job_add_warning", None, None, None)
BYTES = Caller("job_increment_bytes", None, "(i64.const 1)")
ITEMS = Caller("job_increment_items", None, "(i64.const 1)")
CALL = Caller("spacedrive_call", None, None, None, None, None)


@given(pointer=numbers, length=numbers)
@example(0, 0)
@example(SIZE, 0)
@example(2**32 - 1, 0)
@example(0, SIZE)
@example(0, SIZE + 1)
@example(SIZE - 1, 1)
@example(SIZE, 1)
@example(SIZE - 1, 2)
@example(2**32 - 1, 1)
@example(2**32 - 1, 2**31 - 1)
@example(1, 2**32 - 1)
def test_a_log_line_is_read_from_within_the_memory_or_refused(pointer: int, length: int) -> None:
    refused = expected_violation(pointer, length)
    if refused is not None:
        assert LOG.violation(0, pointer, length) == refused
        return
    result, host = LOG(0, pointer, length)
    assert result.exit is Exit.COMPLETED
    assert host.names == ["log"]


@given(pointer=numbers, length=numbers)
def test_a_checkpoint_is_exactly_the_bytes_that_were_named(pointer: int, length: int) -> None:
    refused = expected_violation(pointer, length)
    if refused is not None:
        assert CHECKPOINT.violation(CHECKPOINT.job_id_at, pointer, length) == (f"state_{refused[0]}", refused[1])
        return
    result, host = CHECKPOINT(CHECKPOINT.job_id_at, pointer, length)
    assert result.exit is Exit.COMPLETED
    saved = host.calls[0][1]
    assert len(saved) == length
    ids, start = JOB_ID.bytes + LIBRARY_ID.bytes, CHECKPOINT.job_id_at
    memory_there = {start + index: byte for index, byte in enumerate(ids)}
    for offset in range(max(0, start - pointer), min(length, start + len(ids) - pointer)):
        assert saved[offset] == memory_there[pointer + offset]


@given(pointer=numbers, length=numbers)
def test_messages_of_progress_and_warnings_are_refused_alike(pointer: int, length: int) -> None:
    refused = expected_violation(pointer, length)
    for caller, arguments in (
        (PROGRESS, (PROGRESS.job_id_at, 0, pointer, length)),
        (WARNING, (WARNING.job_id_at, pointer, length)),
    ):
        if refused is None:
            assert caller(*arguments)[0].exit is Exit.COMPLETED
        else:
            assert caller.violation(*arguments) == (f"message_{refused[0]}", refused[1])


@given(pointer=numbers, length=numbers)
def test_a_method_is_refused_alike(pointer: int, length: int) -> None:
    refused = expected_violation(pointer, length)
    if refused is not None:
        assert CALL.violation(pointer, length, 0, 0, 0) == (f"method_{refused[0]}", refused[1])
    else:
        assert CALL(pointer, length, 0, 0, 0)[0].exit is Exit.COMPLETED


@given(pointer=numbers, length=numbers)
def test_a_payload_is_refused_alike(pointer: int, length: int) -> None:
    refused = expected_violation(pointer, length)
    if refused is not None:
        assert CALL.violation(0, 0, 0, pointer, length) == (f"payload_{refused[0]}", refused[1])
    else:
        assert CALL(0, 0, 0, pointer, length)[0].exit is Exit.COMPLETED


@given(pointer=numbers)
@example(SIZE - 16)
@example(SIZE - 15)
@example(2**32 - 16)
def test_a_library_id_is_16_bytes_or_absent(pointer: int) -> None:
    if 0 < pointer <= SIZE - 16:
        result, host = CALL(0, 0, pointer, 0, 0)
        assert result.exit is Exit.COMPLETED
        assert isinstance(host.calls[0][2], UUID)
    elif pointer == 0:
        assert CALL(0, 0, 0, 0, 0)[1].calls[0][2] is None
    else:
        assert CALL.violation(0, 0, pointer, 0, 0) == ("library_id_ptr", pointer)


def test_a_library_id_is_read_as_it_stands() -> None:
    assert CALL(0, 0, CALL.library_id_at, 0, 0)[1].calls[0][2] == LIBRARY_ID


@given(pointer=numbers)
@example(0)
@example(SIZE - 16)
@example(SIZE - 15)
@example(2**32 - 1)
def test_a_job_id_is_the_running_jobs_or_refused(pointer: int) -> None:
    for caller, rest in (
        (INTERRUPT, ()),
        (BYTES, (0,)),
        (ITEMS, (0,)),
        (CHECKPOINT, (0, 0)),
        (WARNING, (0, 0)),
        (PROGRESS, (0, 0, 0)),
    ):
        if pointer == caller.job_id_at:
            assert caller(pointer, *rest)[0].exit is Exit.COMPLETED
            continue
        argument, value = caller.violation(pointer, *rest)
        assert argument == "job_id_ptr"
        # The pointer when there is nothing to read, else what was read.
        assert value == pointer if pointer + 16 > SIZE else UUID(str(value)) != JOB_ID


def test_another_jobs_id_is_named() -> None:
    assert INTERRUPT.violation(INTERRUPT.library_id_at) == ("job_id_ptr", str(LIBRARY_ID))


@pytest.mark.parametrize("level", [4, 2**31, 2**32 - 1])
def test_a_level_that_is_none(level: int) -> None:
    assert Caller("spacedrive_log", None, None, None).violation(level, 0, 0) == ("level", signed(level))


@pytest.mark.parametrize("name", ["job_increment_bytes", "job_increment_items"])
def test_a_count_below_zero(name: str) -> None:
    caller = Caller(name, None, f"(i64.const {-(2**63)})")
    argument = {"job_increment_bytes": "bytes", "job_increment_items": "count"}[name]
    assert caller.violation(caller.job_id_at, 0) == (argument, -(2**63))


def test_memory_that_has_grown_can_be_read_at_once() -> None:
    wat = Wat(memory="1")
    wat.job(
        "test",
        f"""{wat.log("small")}
            (drop (memory.grow (i32.const 20)))
            (i32.store8 (i32.const {21 * PAGE - 1}) (i32.const 33))
            {wat.call("spacedrive_log", 1, 21 * PAGE - 1, 1)}
            {RETURN_COMPLETED}""",
    )
    guest, host = make_guest(wat.module()), RecordingHost()
    result = guest.run(host, b"")
    guest.close()
    assert host.calls == [("log", 1, "small"), ("log", 1, "!")]
    assert result.memory_bytes == 21 * PAGE


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"\xff", "\ufffd"), (b"a\xc3", "a\ufffd"), (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"), (b"a\0b", "a\0b")],
)
def test_messages_are_read_with_replacement_characters(raw: bytes, text: str) -> None:
    wat = Wat()
    wat.job(
        "test",
        f"""{wat.call("spacedrive_log", 1, wat.text(raw))}
            {wat.call("job_add_warning", wat.job_id, wat.text(raw))}
            {wat.call("job_report_progress", wat.job_id, f32(1), wat.text(raw))}
            {RETURN_COMPLETED}""",
    )
    guest, host = make_guest(wat.module()), RecordingHost()
    assert guest.run(host, b"").exit is Exit.COMPLETED
    guest.close()
    assert host.calls == [("log", 1, text), ("add_warning", text), ("report_progress", 1.0, text)]


@pytest.mark.parametrize(("method", "payload"), [(b"query:\xff", b"{}"), (b"query:test.ping", b'{"\xc3": 1}')])
def test_a_method_or_payload_that_is_not_utf8_is_answered_without_the_host(method: bytes, payload: bytes) -> None:
    wat = Wat()
    wat.job(
        "test",
        f"""(local.set $p {wat.operation(method, payload)})
            (drop {wat.call("job_checkpoint", wat.job_id, "(local.get $p)", "(i32.const 80)")})
            {RETURN_COMPLETED}""",
    )
    guest, host = make_guest(wat.module()), RecordingHost()
    assert guest.run(host, b"").exit is Exit.COMPLETED
    guest.close()
    assert host.names == ["checkpoint"]
    answer = host.calls[0][1].partition(b"\0")[0]
    what = b"method" if b"\xff" in method else b"payload"
    assert answer == b'{"error": "the ' + what + b' is not UTF-8", "code": "invalid_payload"}'


@pytest.mark.parametrize(
    ("caller", "arguments", "kind", "limit"),
    [
        (LOG, (0, 0, 101), "payload_size", "payload_bytes"),
        (WARNING, (WARNING.job_id_at, 0, 101), "payload_size", "payload_bytes"),
        (PROGRESS, (PROGRESS.job_id_at, 0, 0, 101), "payload_size", "payload_bytes"),
        (CALL, (0, 101, 0, 0, 0), "payload_size", "payload_bytes"),
        (CALL, (0, 0, 0, 0, 101), "payload_size", "payload_bytes"),
        (CHECKPOINT, (CHECKPOINT.job_id_at, 0, 101), "checkpoint_size", "checkpoint_bytes"),
    ],
)
def test_more_bytes_than_the_limit_end_the_job(
    caller: Caller, arguments: tuple[int, ...], kind: str, limit: str
) -> None:
    # A state counts towards no limit of the guest's: it was the dispatcher's.
    result, host = caller(*arguments, payload_bytes=100, checkpoint_bytes=100)
    assert host.calls == []
    assert result.error is not None
    assert result.error.kind == kind
    assert result.error.limit is not None
    assert result.error.limit.limit == limit
    assert (result.error.limit.value, result.error.limit.used, result.error.limit.unit) == (100, 101, "bytes")
    exactly = (*arguments[:-1], 100) if arguments[-1] == 101 else (0, 100, 0, 0, 0)
    assert caller(*exactly, payload_bytes=100, checkpoint_bytes=100)[0].exit is Exit.COMPLETED


def test_a_length_that_is_a_lie_is_a_violation_and_no_large_payload() -> None:
    result, _ = LOG(0, 0, SIZE + 1, payload_bytes=100)
    assert result.error is not None
    assert result.error.kind == "abi_violation"
