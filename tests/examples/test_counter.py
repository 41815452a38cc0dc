"""What the counter example does, seen from the contract: its state, its counters, its interrupts, its allocator."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.plain_host import PlainHost

WASM = Path(__file__).resolve().parents[2] / "examples" / "counter" / "counter.wasm"
JOB_ID = UUID("0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a12")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
COMPLETED, INTERRUPTED, FAILED = 0, 1, 2
ERROR = 3


@pytest.fixture
def host() -> PlainHost:
    return PlainHost(WASM, job_id=JOB_ID)


@pytest.fixture(scope="module")
def shared() -> PlainHost:
    """For the many small runs of property tests, which leave nothing behind in the instance."""
    return PlainHost(WASM, job_id=JOB_ID)


def count(host: PlainHost, state: Any = b"") -> int:
    return host.run("execute_counter", state)


def test_it_registers_one_resumable_job(host: PlainHost) -> None:
    assert host.initialised == 0
    assert host.registered == [("counter", "execute_counter", True)]


def test_it_counts_to_its_target(host: PlainHost) -> None:
    assert count(host, {"target": 1200, "work": 0}) == COMPLETED
    assert host.items == 1200
    assert host.bytes == 1200 * 64
    assert [message for _, message in host.progress] == [f"Counted {done}/1200" for done in range(1, 1201)]
    assert [fraction for fraction, _ in host.progress] == pytest.approx([done / 1200 for done in range(1, 1201)])
    assert len(host.warnings) == 2
    assert [saved["current"] for saved in host.checkpoints] == [*range(100, 1201, 100)]
    assert host.asked == 1200
    assert host.logs == []


def test_an_absent_state_means_the_defaults(host: PlainHost) -> None:
    host.answer_interrupt = interrupt_at(1, 1)  # before the first record: the defaults' work takes seconds
    assert count(host) == INTERRUPTED
    saved = host.checkpoints[-1]
    assert saved == {
        "current": 0,
        "target": 2000,
        "checkpoint_every": 100,
        "warn_every": 500,
        "work": 20000,
        "digest": "cbf29ce484222325",
    }


@pytest.mark.parametrize("target", [0, -1, -(2**63)])
def test_nothing_to_do_completes_at_once(host: PlainHost, target: int) -> None:
    assert count(host, {"target": target}) == COMPLETED
    assert (host.items, host.asked, host.progress) == (0, 0, [])
    assert [saved["current"] for saved in host.checkpoints] == [0]


def test_a_job_past_its_target_completes_at_once(host: PlainHost) -> None:
    assert count(host, {"current": 2**63 - 1, "target": 2**63 - 1}) == COMPLETED
    assert host.items == 0
    assert host.checkpoints[-1]["current"] == 2**63 - 1


def test_zero_switches_periodic_things_off(host: PlainHost) -> None:
    assert count(host, {"target": 600, "work": 0, "checkpoint_every": 0, "warn_every": 0}) == COMPLETED
    assert len(host.checkpoints) == 1
    assert host.warnings == []


@pytest.mark.parametrize("answer", [1, 2])
def test_an_interrupt_saves_the_state_first(host: PlainHost, answer: int) -> None:
    host.answer_interrupt = interrupt_at(8, answer)
    assert count(host, {"target": 50, "work": 0}) == INTERRUPTED
    assert host.items == 7
    assert [saved["current"] for saved in host.checkpoints] == [7]


def interrupt_at(call: int, answer: int) -> Callable[[int], int]:
    return lambda asked: answer if asked == call else 0


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_however_often_it_is_killed_the_end_is_the_same(data: st.DataObject) -> None:
    start = {"target": 60, "work": 1, "checkpoint_every": data.draw(st.integers(0, 20))}
    whole = PlainHost(WASM, job_id=JOB_ID)
    assert count(whole, start) == COMPLETED

    state: dict[str, Any] = start
    for _ in range(data.draw(st.integers(1, 4))):
        # A death loses everything but the last checkpoint; an interrupt is one that saves first.
        attempt = PlainHost(WASM, job_id=JOB_ID)
        at, answer = data.draw(st.integers(1, 70)), data.draw(st.sampled_from([1, 2]))
        attempt.answer_interrupt = interrupt_at(at, answer)
        count(attempt, state)
        state = data.draw(st.sampled_from(attempt.checkpoints))

    last = PlainHost(WASM, job_id=JOB_ID)
    assert count(last, state) == COMPLETED
    assert last.checkpoints[-1] == whole.checkpoints[-1]
    assert last.items == start["target"] - state.get("current", 0)


def test_more_work_is_another_result(host: PlainHost) -> None:
    for work in (0, 1):
        assert count(host, {"target": 1, "work": work}) == COMPLETED
    assert host.checkpoints[0]["digest"] != host.checkpoints[1]["digest"]


def test_the_digest_is_fnv1a_over_the_records(host: PlainHost) -> None:
    digest = 0xCBF29CE484222325
    for number in range(300):
        for index in range(64):
            digest = (digest ^ (number >> (index % 8 * 8) & 0xFF) ^ index) * 0x100000001B3 & (1 << 64) - 1
    assert count(host, {"target": 300, "work": 0}) == COMPLETED
    assert host.checkpoints[-1]["digest"] == f"{digest:016x}"


def test_a_failed_checkpoint_is_a_warning_a_failed_last_one_the_end(host: PlainHost) -> None:
    host.answer_checkpoint = lambda saved: 1
    assert count(host, {"target": 250, "work": 0}) == FAILED
    assert host.items == 250
    assert len(host.warnings) == 2
    assert host.logs == [(ERROR, "no result: the last checkpoint could not be stored")]


# --- the state as it comes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [
        b'{"target":3,"work":0}',
        b' \t\r\n{ "work" : 0 ,\n"target"\t: 3 } \n',
        b'{"note":"\\u00e9\\n\\"","target":3,"more":{"a":[1,2.5e3,{}],"b":[]},"work":0,"x":null,"y":[true,false]}',
        b'{"t\\u0061rget":3,"work":-0}',
        b'{"target":9,"target":3,"work":0}',
        b'{"a key that is longer than any the job knows":1,"target":3,"work":0,"":2}',
        '{"ü":"ü","target":3,"work":0}'.encode(),
        b'{"target\\u0000":9,"target":3,"work":0}',
    ],
)
def test_states_that_are_read(host: PlainHost, state: bytes) -> None:
    assert count(host, state) == COMPLETED
    assert host.items == 3


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (b"{", "bad state: a string was expected at byte 1"),
        (b"{]", "bad state: a string was expected at byte 1"),
        (b"[]", "bad state: an object was expected at byte 0"),
        (b"null", "bad state: an object was expected at byte 0"),
        (b" ", "bad state: an object was expected at byte 1"),
        (b'{"target" 3}', "bad state: a colon was expected at byte 10"),
        (b'{"target":}', "bad state: a whole number was expected at byte 10"),
        (b'{"target":3', "bad state: a comma or a closing brace was expected at byte 11"),
        (b'{"target":3,}', "bad state: a string was expected at byte 12"),
        (b'{"target":3}}', "bad state: nothing more was expected at byte 12"),
        (b'{"target":3.0}', "bad state: a whole number was expected at byte 10"),
        (b'{"target":3e2}', "bad state: a whole number was expected at byte 10"),
        (b'{"target":"3"}', "bad state: a whole number was expected at byte 10"),
        (b'{"target":null}', "bad state: a whole number was expected at byte 10"),
        (b'{"target":+3}', "bad state: a whole number was expected at byte 10"),
        (b'{"target":9223372036854775808}', "bad state: a number of at most 64 bits was expected at byte 10"),
        (b'{"target":-9223372036854775809}', "bad state: a number of at most 64 bits was expected at byte 10"),
        (b'{"a":"', "bad state: the end of a string was expected at byte 6"),
        (b'{"a":"\\', "bad state: the end of a string was expected at byte 7"),
        (b'{"a":"\n"}', "bad state: no control character in a string was expected at byte 6"),
        (b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", "bad state: less depth was expected at byte 69"),
        (b'{"current":-1}', "bad state: current, checkpoint_every and warn_every must not be negative"),
        (b'{"checkpoint_every":-1}', "bad state: current, checkpoint_every and warn_every must not be negative"),
        (b'{"warn_every":-1}', "bad state: current, checkpoint_every and warn_every must not be negative"),
        (b'{"work":-1}', "bad state: work must be from 0 to 10000000"),
        (b'{"work":10000001}', "bad state: work must be from 0 to 10000000"),
        (b'{"digest":"0123456789abcdeg"}', "bad state: digest must be 16 hexadecimal digits"),
        (b'{"digest":"0123456789abcdef0"}', "bad state: digest must be 16 hexadecimal digits"),
        (b'{"digest":""}', "bad state: digest must be 16 hexadecimal digits"),
    ],
)
def test_a_bad_state_fails_the_job_and_says_why(host: PlainHost, state: bytes, reason: str) -> None:
    assert count(host, state) == FAILED
    assert host.logs == [(ERROR, reason)]
    assert (host.items, host.checkpoints) == (0, [])


@settings(max_examples=300, deadline=None)
@given(value=JSON_VALUES, ascii_only=st.booleans(), indent=st.none() | st.integers(0, 2))
def test_any_json_is_skipped(shared: PlainHost, value: Any, ascii_only: bool, indent: int | None) -> None:
    state = json.dumps({"unknown": value, "target": 0}, ensure_ascii=ascii_only, indent=indent)
    assert count(shared, state.encode("utf-8", "surrogatepass")) == COMPLETED


@settings(max_examples=500, deadline=None)
@given(st.text('{}[]:,"\\ntfaulse u0123.eE+-', max_size=12))
def test_it_refuses_exactly_what_is_no_json(shared: PlainHost, text: str) -> None:
    state = f'{{"target":0,"unknown":{text}}}'.encode()
    try:
        msgspec.json.decode(state)
        expected = COMPLETED
    except msgspec.DecodeError:
        expected = FAILED
    assert count(shared, state) == expected


@pytest.mark.parametrize(
    "context",
    [
        b"",
        b"{}",
        b"[]",
        b'{"job_id":7}',
        b'{"job_id":"0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a1"}',
        b'{"job_id":"0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a12a"}',
        b'{"job_id":"0193b0a45f6e7c3d8b1a2f4e6d8c0a12"}',
        b'{"job_id":"0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a1g"}',
    ],
)
def test_a_bad_context_fails_the_job(host: PlainHost, context: bytes) -> None:
    assert host.run("execute_counter", {"target": 3}, context=context) == FAILED
    assert [level for level, _ in host.logs] == [ERROR]
    assert host.items == 0


# --- the allocator ---------------------------------------------------------------------------------------------------

PAGE = 65536


def pages(host: PlainHost) -> int:
    return host.memory.size(host.store)


@pytest.mark.parametrize("size", [2**32 - 1, 2**32 - PAGE, 2**31, 2**31 - 1, 17 * 1024 * 1024])
def test_what_cannot_be_had_is_zero_and_changes_nothing(host: PlainHost, size: int) -> None:
    before = pages(host)
    assert host.alloc(size) == 0
    assert pages(host) == before
    assert host.alloc(100) != 0


def test_memory_grows_and_is_used_again(host: PlainHost) -> None:
    first = host.alloc(5 * 1024 * 1024)
    assert first != 0
    size = pages(host)
    host.call("wasm_free", first, 5 * 1024 * 1024)
    for _ in range(200):
        again = host.alloc(5 * 1024 * 1024)
        host.call("wasm_free", again, 5 * 1024 * 1024)
    assert again == first
    assert pages(host) == size


def test_freed_neighbours_become_one(host: PlainHost) -> None:
    blocks = [host.alloc(1000) for _ in range(1000)]
    size = pages(host)
    for block in blocks[::2] + blocks[1::2]:
        host.call("wasm_free", block, 1000)
    assert host.alloc(900_000) != 0
    assert pages(host) == size


def test_freeing_nothing_is_nothing(host: PlainHost) -> None:
    host.call("wasm_free", 0, 0)
    assert host.alloc(1) != 0


def steps() -> st.SearchStrategy[list[tuple[bool, int]]]:
    sizes = st.one_of(st.integers(0, 100), st.integers(0, 5000), st.sampled_from([PAGE, 3 * PAGE - 16]))
    return st.lists(st.tuples(st.booleans(), sizes), max_size=60)


def spans_of(live: dict[int, bytes]) -> list[tuple[int, int]]:
    return sorted((address, address + max(len(data), 1)) for address, data in live.items())


@settings(max_examples=60, deadline=None)
@given(steps())
def test_blocks_are_aligned_apart_and_keep_their_bytes(steps: list[tuple[bool, int]]) -> None:
    host = PlainHost(WASM, job_id=JOB_ID)
    live: dict[int, bytes] = {}
    for step, (free, size) in enumerate(steps):
        if free and live:
            address = sorted(live)[size % len(live)]
            data = live.pop(address)
            assert host.read(address, len(data)) == data
            host.call("wasm_free", address, len(data))
        else:
            address = host.alloc(size)
            assert address % 16 == 0
            assert 0 < address <= pages(host) * PAGE - size
            assert address not in live
            live[address] = bytes([step]) * size
            host.memory.write(host.store, live[address], address)
        assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans_of(live)))
    for address, data in live.items():
        assert host.read(address, len(data)) == data
    # Nothing of it reached the module's own data.
    assert count(host, {"target": 3, "work": 0}) == COMPLETED


def test_a_job_fits_into_little_memory() -> None:
    small = PlainHost(WASM, job_id=JOB_ID, memory_bytes=2 * PAGE)
    assert count(small, {"target": 500, "work": 0, "unknown": "x" * 50_000}) == COMPLETED
