"""Calls leave nothing that waits for Python's collector: with many, its passes would be long, memory would creep."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from perdure.actors.messages import OperationCall
from perdure.actors.workers import Task
from perdure.runtime import Runtime
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.data import Data
from perdure.runtime.operations.declaration import query

CALLS = 20


class _Key(msgspec.Struct):
    key: str


@query("test.look")
def look(context: CallContext, request: _Key) -> _Key:
    """Look at a row."""
    context.data.get(request.key.encode())
    return request


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
def test_a_call_leaves_no_cycle(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        runtime.operations.register(look)
        for number in range(CALLS):
            runtime.call("query:test.look", {"key": str(number)})
        kinds = Counter(type(one) for one in gc.get_objects())
    # The worker that ran the last call may still have it in its hands.
    assert {kind: kinds[kind] for kind in (Task, Data, OperationCall) if kinds[kind] > 1} == {}
