"""What earlier runs have done: found by effect keys, whatever the new run does between its calls."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.job_events import LIBRARY, job_id

from perdure.actors.done_actions import DoneActions
from perdure.actors.effect_keys import EffectKeys
from perdure.actors.errors import UnreadableNow
from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.store import DiskFull
from perdure.store import events as ev
from perdure.store.event_store import StoredEvent
from perdure.store.events import Inline, Recorded, Sealed

JOB, OTHER = job_id(1), UUID(int=7)
NOTHING = ev.JobError("guest_failed", "it failed")
# A method, a library (None is the job's), a payload, whether that is sealed, and whether the action succeeds.
ACTIONS = st.tuples(
    st.sampled_from(["action:a", "action:b"]),
    st.sampled_from([None, OTHER]),
    st.sampled_from([b"{}", b'{"n":1}']),
    st.booleans(),
    st.booleans(),
)
RUNS = st.lists(st.lists(ACTIONS, max_size=6), min_size=1, max_size=4)


class Log:
    """Runs of one job from one checkpoint, each as the attempt calls would make it, and what really happened."""

    def __init__(self, checkpoint: int) -> None:
        self.checkpoint = checkpoint
        self.events: list[StoredEvent] = []
        self.effects: Counter[str] = Counter()  # how often each was done
        self.lost: set[bytes] = set()  # payloads whose keys were destroyed

    def add(self, event: ev.AnyJobEvent) -> int:
        sequence = self.checkpoint + len(self.events) + 1
        stored = StoredEvent(
            position=sequence,
            stream=f"job:{JOB}",
            sequence=sequence,
            time=0,
            event=event,
            body=b"",
            previous=b"",
            hash=b"",
        )
        self.events.append(stored)
        return sequence

    def index(self) -> DoneActions:
        return DoneActions(self.events, JOB, LIBRARY, self.checkpoint, self.opened, self.outcome)

    def opened(self, recorded: Recorded) -> bytes:
        data = recorded.data.data if isinstance(recorded, Sealed) and isinstance(recorded.data, Inline) else None
        if data is None:
            assert isinstance(recorded, Inline)
            return recorded.data
        if data in self.lost:
            raise ValueError("its key was destroyed")
        return data[::-1]

    def outcome(self, sequence: int) -> RecordedCall:
        event = self.events[sequence - self.checkpoint - 1].event
        assert isinstance(event, ev.ActionAnswered)
        return RecordedCall(call=1, fuel=1, sequence=sequence, event=event, asked=event)

    def run(self, actions: list[tuple[str, UUID | None, bytes, bool, bool]], *, first: bool) -> None:
        keys, done = EffectKeys(JOB, self.checkpoint), self.index()
        if not first:
            self.add(ev.JobResumed(self.checkpoint, "retry"))
        for call, (method, library, payload, sealed, succeeds) in enumerate(actions, 1):
            what = (method, library or LIBRARY, payload)
            key = keys.next(*what)
            if key in done.outcomes:
                self.add(ev.ActionReused(call, call, done.outcomes[key]))
            else:
                recorded: Recorded = Sealed("k", b"{}", Inline(payload[::-1])) if sealed else Inline(payload)
                code = "" if succeeds else "failed"
                shown = "" if sealed else key
                self.add(ev.ActionIntended(call, call, method, library, "idempotent", shown, recorded))
                answer = Inline(key.encode())
                self.add(ev.ActionAnswered(call, call, method, library, shown, recorded, answer, code))
                self.effects[key] += succeeds
                if not succeeds:
                    continue
            keys.done(*what)


@given(RUNS, st.sampled_from([0, 5]))
def test_no_effect_happens_twice_in_however_many_runs(
    runs: list[list[tuple[str, UUID | None, bytes, bool, bool]]], checkpoint: int
) -> None:
    log = Log(checkpoint)
    for number, actions in enumerate(runs):
        log.run(actions, first=number == 0)

    assert all(count <= 1 for count in log.effects.values())
    wanted = [Counter((method, library or LIBRARY, payload) for method, library, payload, _, _ in run) for run in runs]
    most = Counter[tuple[str, UUID, bytes]]()
    for run in wanted:
        most |= run
    assert sum(log.effects.values()) <= sum(most.values()), "no more than the run that wanted most"
    outcomes = log.index().outcomes
    assert set(outcomes) == {key for key, count in log.effects.items() if count}
    for key, sequence in outcomes.items():
        event = log.events[sequence - checkpoint - 1].event
        assert isinstance(event, ev.ActionAnswered)
        assert event.answer == Inline(key.encode()), "its own outcome, and no other's"


def intended(effect: str = "idempotent", payload: bytes = b"{}") -> ev.ActionIntended:
    return ev.ActionIntended(1, 10, "action:a", None, effect, "", Inline(payload))


def key_of(payload: bytes = b"{}", checkpoint: int = 0) -> str:
    return EffectKeys(JOB, checkpoint).next("action:a", LIBRARY, payload)


def test_what_a_person_said_counts() -> None:
    for resolution, done in (("succeeded", {key_of(): 2}), ("failed", {}), ("again", {})):
        log = Log(0)
        log.add(intended("non_idempotent"))
        log.add(ev.DoubtResolved(1, resolution, Inline(b"{}"), "", "a person"))
        assert log.index().outcomes == done
        assert log.index().in_doubt is None


def test_an_intent_without_an_outcome_is_in_doubt() -> None:
    log = Log(0)
    log.add(intended())
    assert (log.index().outcomes, log.index().in_doubt) == ({}, key_of())


def test_a_payload_that_cannot_be_opened_is_matched_with_nothing() -> None:
    log = Log(0)
    for payload in (b"{}", b'{"n":1}'):
        recorded = Sealed("k", b"{}", Inline(payload[::-1]))
        log.add(ev.ActionAnswered(1, 1, "action:a", None, "", recorded, Inline(b"{}"), ""))
    log.lost = {b"{}"[::-1]}
    assert log.index().outcomes == {key_of(b'{"n":1}'): 2}
    assert log.index().unreadable == {("action:a", LIBRARY)}


@pytest.mark.parametrize("error", [UnreadableNow("the keyring is locked"), DiskFull(Path("/disk"))])
def test_what_cannot_be_read_now_is_not_taken_for_lost(error: Exception) -> None:
    def opened(recorded: Recorded) -> bytes:
        raise error

    log = Log(0)
    log.add(ev.ActionAnswered(1, 1, "action:a", None, "", Inline(b"{}"), Inline(b"{}"), ""))
    log.opened = opened  # type: ignore[method-assign]  # for this one
    with pytest.raises(type(error)):
        log.index()


def test_runs_that_begin_at_the_start_of_a_job_that_saved() -> None:
    log = Log(0)
    outcome = ev.ActionAnswered(1, 1, "action:a", None, "", Inline(b"{}"), Inline(b"{}"), "")
    log.add(outcome)
    log.add(ev.CheckpointSaved(2, 2, Inline(b"1")))
    log.add(outcome)
    log.add(ev.JobResumed(0, "retry"))
    assert log.index().outcomes == {key_of(): 1, key_of(checkpoint=2): 3}
