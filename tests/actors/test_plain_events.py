"""What is committed without being decoded: decoding would give the very same, and so would folding it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.support.job_events import dispatched, job_id, started

from perdure.actors.attempt_journal import PLAIN
from perdure.actors.stated import log_written, payload_of, progress_reported
from perdure.store import AppendRequest, MemoryEventStore, StoreError
from perdure.store import events as ev

CALLS = st.integers(0, 2**63 - 1)
FUEL = st.integers(0, 2**64 - 1)
COUNTS = st.integers(-(2**63), 2**63 - 1)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

# As `perdure.actors.job_host` makes them of what a guest gives.
MADE: dict[type[ev.Event], st.SearchStrategy[Any]] = {
    ev.LogWritten: st.builds(log_written, CALLS, FUEL, COUNTS, WORDS),
    ev.ProgressReported: st.builds(progress_reported, CALLS, FUEL, st.floats() | st.integers(-2, 2), WORDS),
    ev.CheckpointSaved: st.builds(ev.CheckpointSaved, CALLS, FUEL, st.builds(payload_of, st.binary(max_size=9_000))),
    ev.WarningAdded: st.builds(ev.WarningAdded, CALLS, FUEL, WORDS),
    ev.ItemsCounted: st.builds(ev.ItemsCounted, CALLS, FUEL, COUNTS),
    ev.BytesCounted: st.builds(ev.BytesCounted, CALLS, FUEL, st.integers(0, 2**63 - 1)),
}


def test_there_is_a_strategy_for_each() -> None:
    assert set(MADE) == PLAIN


@given(event=st.one_of(*MADE.values()))
def test_an_event_is_what_its_bytes_say(event: ev.Event) -> None:
    decoded = ev.decode(ev.encode(event))

    assert decoded == event
    assert repr(decoded) == repr(event)  # 1 and 1.0 are equal, and are not the same in the log
    assert ev.encode(decoded) == ev.encode(event)


@given(made=st.lists(st.one_of(*MADE.values()), min_size=1, max_size=5))
def test_a_store_that_need_not_decode_comes_to_the_same(made: list[ev.Event]) -> None:
    stream = ev.job_stream(job_id(1))
    bodies = [ev.encode(event) for event in made]
    heads = []
    for given_events in (None, made):
        store = MemoryEventStore(clock=lambda: 7)
        store.append(stream, [dispatched(job_id(1)), started()])
        [answer] = store.append_batch([AppendRequest(stream, bodies, [7] * len(bodies), events=given_events)])
        heads.append((answer, store.head(stream), store.state(stream)))

    assert heads[0] == heads[1]
    assert not isinstance(heads[0][0], StoreError)
