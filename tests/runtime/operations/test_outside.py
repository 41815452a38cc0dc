"""``clock.now`` and ``random.bytes``: what a guest learns of the world outside is the host's, and recorded."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.extension_folders import write_extension
from tests.support.job_events import START
from tests.support.manual_clock import ManualClock
from tests.support.python_jobs import PythonJobs
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT

from perdure.runtime import OperationError, Runtime, Status, grant_as_asked
from perdure.runtime.operations.registry import OperationRegistry
from perdure.runtime.proof.proof import Verdict
from perdure.runtime.random.operations import MAX_RANDOM_BYTES, random_operations


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def runtime(clock: ManualClock) -> Iterator[Runtime]:
    with Runtime.in_memory(clock=clock, consent=grant_as_asked) as runtime:
        yield runtime


def called(runtime: Runtime, method: str, request: object = None) -> Any:
    return json.loads(msgspec.json.encode(runtime.call(method, request)))


def test_the_time_is_the_hosts(runtime: Runtime, clock: ManualClock) -> None:
    assert called(runtime, "query:clock.now")["unix_ns"] == START * 1_000
    clock.advance(1.5)
    assert called(runtime, "query:clock.now")["unix_ns"] == START * 1_000 + 1_500_000_000


def test_the_time_for_people_says_the_same() -> None:
    with Runtime.in_memory(clock=ManualClock(1_767_225_600_000_042)) as runtime:
        assert called(runtime, "query:clock.now") == {
            "unix_ns": 1_767_225_600_000_042_000,
            "utc": "2026-01-01T00:00:00.000042Z",
        }


@pytest.mark.parametrize("count", [1, 32, MAX_RANDOM_BYTES])
def test_as_many_bytes_as_were_asked_for(runtime: Runtime, count: int) -> None:
    drawn = [base64.b64decode(called(runtime, "query:random.bytes", {"count": count})["bytes"]) for _ in range(2)]
    assert [len(one) for one in drawn] == [count, count]
    assert count == 1 or drawn[0] != drawn[1]


@pytest.mark.parametrize("count", [0, -1, MAX_RANDOM_BYTES + 1, 2**70, "1", None, True])
def test_no_other_number_of_bytes(runtime: Runtime, count: object) -> None:
    with pytest.raises(OperationError) as refused:
        runtime.call("query:random.bytes", {"count": count})
    assert refused.value.code == "invalid_payload"


def test_the_source_is_the_one_that_is_passed_in(runtime: Runtime) -> None:
    registry = OperationRegistry()
    registry.register(*random_operations(lambda count: bytes(range(count))))
    (operation,) = registry
    answer = operation.handler(None, operation.decode(b'{"count": 3}'))
    assert operation.encode_answer(answer) == b'{"bytes":"AAEC"}'


def test_a_guest_that_asks_gets_what_is_recorded(runtime: Runtime, tmp_path: Path, clock: ManualClock) -> None:
    jobs = PythonJobs(runtime, tmp_path, methods=["query:clock.", "query:random."])
    assert jobs.call("query:clock.now", {})["unix_ns"] == START * 1_000
    assert jobs.call("query:clock.now", {"zone": "CET"})["code"] == "invalid_payload"


def test_a_job_that_was_told_them_is_proved(tmp_path: Path) -> None:
    wat = RuntimeWat(memory="4")
    now, draw = wat.operation("query:clock.now", "{}"), wat.operation("query:random.bytes", '{"count": 8}')
    wat.job("run", f"(drop {now}) (drop {draw}) (i32.const 0)")
    permissions = {"methods": ["query:clock.now", "query:random.bytes"]}
    folder = write_extension(tmp_path / "teller", wat.module(), extension="teller", permissions=permissions)
    with Runtime.open(tmp_path / "data", consent=grant_as_asked) as runtime:
        runtime.install(folder)
        job = runtime.dispatch("teller:run")
        assert job.wait(TIMEOUT).status is Status.COMPLETED
        assert runtime.verify(job.job_id).verdict is Verdict.PROVED
