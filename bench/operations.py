"""A guest calls an operation, a Python function runs on a worker, the guest has its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.figure import BenchFailed, Better, Figure, Group
from bench.gate import gated_runtime, timed_jobs
from bench.sizes import Sizes
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action
from perdure.store.events import ActionAnswered, OperationAnswered

_QUERY: Final = Figure("operation", "operation round trip, query:test.ping", "µs", Better.LESS, "pykka_ask")
_IDEMPOTENT: Final = Figure(
    "operation_idempotent", "operation round trip, idempotent action, durable", "ms", Better.LESS, "lmdb_commit"
)
_NON_IDEMPOTENT: Final = Figure(
    "operation_non_idempotent", "operation round trip, non-idempotent action, durable", "ms", Better.LESS, "lmdb_commit"
)
_TRANSACTIONAL: Final = Figure(
    "operation_transactional", "operation round trip, transactional action, 1 row", "ms", Better.LESS, "lmdb_commit"
)


class _Nothing(msgspec.Struct):
    pass


class _Written(msgspec.Struct):
    count: int


class Touching:
    """The operation ``action:bench.touch``; ``count`` is how often it was done."""

    def __init__(self) -> None:
        self.count = 0

    @action("bench.touch", effect=Effect.IDEMPOTENT)
    def touch(self, context: CallContext, request: _Nothing) -> _Nothing:
        """Count."""
        self.count += 1
        return request


@action("bench.push", effect=Effect.NON_IDEMPOTENT)
def _push(context: CallContext, request: _Nothing) -> _Nothing:
    """Do nothing, and never twice."""
    return request


@action("bench.write", effect=Effect.TRANSACTIONAL)
def _write(context: CallContext, request: _Nothing) -> _Written:
    """Count in a row."""
    count = int(context.data.get(b"bench") or 0) + 1
    context.data.put(b"bench", b"%d" % count)
    return _Written(count)


def touching_operations() -> tuple[Callable[..., Any], ...]:
    """Handlers of the actions that the guests call, one for each kind of effect."""
    return Touching().touch, _push, _write


def groups(sizes: Sizes) -> Iterator[Group]:
    """One figure for each kind of effect."""
    yield Group((_QUERY,), partial(_calls, figure=_QUERY, job="pings", count=sizes.operation_calls, scale=1e6))
    for figure, job in ((_IDEMPOTENT, "touches"), (_NON_IDEMPOTENT, "pushes"), (_TRANSACTIONAL, "writes")):
        yield Group((figure,), partial(_calls, figure=figure, job=job, count=sizes.operation_actions, scale=1e3))


def _calls(folder: Path, figure: Figure, job: str, count: int, scale: float) -> Mapping[str, float]:
    with gated_runtime(folder, jobs=1) as (runtime, gate):
        runtime.operations.register(*touching_operations())
        seconds, (state,) = timed_jobs(runtime, gate, job, 1, count)
        events = [stored.event for stored in runtime.store.read(f"job:{state.job_id}")]
        row = runtime.store.row(b"bench")
    answered = [event.code for event in events if isinstance(event, OperationAnswered | ActionAnswered)]
    # One more for the gate.
    if answered != [""] * (count + 1):
        raise BenchFailed(f"{answered.count('')} of {count + 1} calls were answered; codes: {set(answered)}")
    if job == "writes" and (row is None or row.value != b"%d" % count):
        raise BenchFailed(f"{count} actions left the row {row}")
    return {figure.key: seconds / count * scale}
