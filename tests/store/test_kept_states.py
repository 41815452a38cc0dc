"""Whether the bytes of a projection say what a fold of its events says."""

from __future__ import annotations

import msgspec
from tests.support.job_events import checkpoint, dispatched, job_id, started

from perdure.store import events as ev
from perdure.store.job_evolution import fold
from perdure.store.job_state import JobState
from perdure.store.projection import encode_state, is_as_kept


def resumed(state: JobState | None = None) -> JobState:
    history = [dispatched(job_id(1)), started(), checkpoint(1), ev.JobFailed(ev.JobError("trap", "it fell"), 20)]
    before = state or fold(None, [(event, sequence, 0) for sequence, event in enumerate(history, 1)])
    return fold(before, [(ev.JobResumed(3, "rerun"), 5, 0)])


def test_equal_states_are_kept_alike_whatever_they_leave_out() -> None:
    # Resumed from what another process read: its progress is a 0.0 of its own, which is not left out as the default is.
    before = fold(None, [(dispatched(job_id(1)), 1, 0), (started(), 2, 0), (checkpoint(1), 3, 0)])
    failed = fold(before, [(ev.JobFailed(ev.JobError("trap", "it fell"), 20), 4, 0)])
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(failed), type=JobState)
    assert resumed(read) == resumed()
    assert encode_state(resumed(read)) != encode_state(resumed()), "if they are the same, this test shows nothing"
    assert is_as_kept(encode_state(resumed(read)), resumed())
    assert is_as_kept(encode_state(resumed()), resumed(read))


def test_another_value_and_another_name_are_seen() -> None:
    state = resumed()
    kept = msgspec.msgpack.decode(encode_state(state))
    assert is_as_kept(msgspec.msgpack.encode(kept), state)
    assert not is_as_kept(msgspec.msgpack.encode(kept | {"items": 3}), state)
    assert not is_as_kept(msgspec.msgpack.encode(kept | {"itens": 0}), state)
    assert not is_as_kept(b"", state)
    assert is_as_kept(b"", None)
