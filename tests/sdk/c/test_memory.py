"""The heap of perdure.h, seen from the host: what the contract asks of wasm_alloc and wasm_free; nothing leaks."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.plain_host import PlainHost
from tests.support.zig_tools import CHECKED, GUEST, ROOT, SDK, STRICT, compiled, once

PAGE = 65536
JOB_ID = UUID("0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a12")
COMPLETED = 0


@pytest.fixture
def host(counter_c: Path) -> PlainHost:
    return PlainHost(counter_c, job_id=JOB_ID)


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(stage: Path) -> None:
        source = Path(__file__).parent / "sources" / "caller.c"
        compiled("cc", *GUEST, "-std=c17", *STRICT, f"-I{SDK}", "-o", stage / "caller.wasm", source, folder=stage)

    return once(tmp_path_factory, "perdure-h-caller", make) / "caller.wasm"


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
    size = pages(host)
    host.call("wasm_free", first, 5 * 1024 * 1024)
    for _ in range(200):
        again = host.alloc(5 * 1024 * 1024)
        host.call("wasm_free", again, 5 * 1024 * 1024)
    assert again == first != 0
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


@settings(max_examples=25)
@given(steps())
def test_blocks_are_aligned_apart_and_keep_their_bytes(counter_c: Path, steps: list[tuple[bool, int]]) -> None:
    host = PlainHost(counter_c, job_id=JOB_ID)
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
        spans = sorted((start, start + max(len(data), 1)) for start, data in live.items())
        assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
    for address, data in live.items():
        assert host.read(address, len(data)) == data
    # Nothing of it reached the module's own data.
    assert host.run("execute_counter", {"target": 3}) == COMPLETED


def test_thousands_of_calls_leave_nothing_behind(caller: Path) -> None:
    host = PlainHost(caller, job_id=JOB_ID)
    answers = [json.dumps({"text": "x" * size, "number": size}).encode() for size in (0, 10, 100, 1000, 4000, 30)]
    host.answer_call = lambda number: answers[number % len(answers)]
    assert host.run("execute_caller", {"calls": 1000}) == COMPLETED
    after_some = pages(host)
    assert host.run("execute_caller", {"calls": 5_000}) == COMPLETED
    assert host.calls == 6_000
    assert pages(host) == after_some
    seen = sum(len(json.loads(answers[number % 6])["text"]) for number in range(1001, 6001))
    assert host.checkpoints[-1] == {"calls": 5_000, "seen": seen}


def test_without_memory_a_call_fails_and_the_job_goes_on(caller: Path) -> None:
    host = PlainHost(caller, job_id=JOB_ID, memory_bytes=4 * PAGE)
    # The answer fits into the memory, its text does not once more beside it.
    host.answer_call = lambda number: b'{"text":"%s"}' % (b"x" * (100_000 if number == 1 else 10))
    assert host.run("execute_caller", {"calls": 3}) == COMPLETED
    assert host.calls == 3
    assert host.checkpoints == [{"calls": 3, "seen": 20}]


@pytest.fixture(scope="module")
def exhausted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(stage: Path) -> None:
        source = Path(__file__).parent / "sources" / "exhausted.c"
        words = ["cc", *CHECKED, "-O1", f"-I{SDK}", f"-I{ROOT}", "-o", stage / "exhausted", source]
        compiled(*words, folder=stage)

    return once(tmp_path_factory, "perdure-h-exhausted", make) / "exhausted"


def test_no_allocation_that_fails_hurts_and_nothing_leaks(exhausted: Path) -> None:
    done = subprocess.run([exhausted], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
