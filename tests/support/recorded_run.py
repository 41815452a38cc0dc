"""A run's events as a store would give them, and a replay of them whose guest is the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.support.recording_host import RecordingHost

from perdure.actors.guest import GuestHost, StopGuest
from perdure.actors.replay.recorded_calls import RecordedCall, recorded_calls
from perdure.actors.replay.replay_host import ReplayHost
from perdure.store import events as ev
from perdure.store.event_store import StoredEvent

FIRST = 3  # the sequence of the first event: a job's dispatch and start are before it


def stored(*events: ev.Event, first: int = FIRST) -> list[StoredEvent]:
    """The events at sequences from ``first`` on."""
    return [
        StoredEvent(
            position=sequence,
            stream="job:1",
            sequence=sequence,
            time=0,
            event=event,  # type: ignore[arg-type]  # one of all events
            body=ev.encode(event),
            previous=b"",
            hash=b"",
        )
        for sequence, event in enumerate(events, first)
    ]


def nothing_done(sequence: int) -> RecordedCall:
    """For runs that reuse no action."""
    raise AssertionError(f"nobody asks for {sequence}")


def calls_of(*events: ev.Event, after: int = 0) -> list[RecordedCall]:
    """The recorded calls."""
    return list(recorded_calls(stored(*events), nothing_done, after))


class Led:
    """A replay of ``events``; behind them `live` answers.

    ``replayed`` has the number of each call that was answered from the log, ``went_live`` the arguments of that.
    """

    def __init__(
        self,
        *events: ev.Event,
        exact: bool = False,
        after: int = 0,
        opened: Callable[[ev.Recorded], bytes] | None = None,
        calls: Sequence[RecordedCall] | None = None,
    ) -> None:
        self.replayed_calls: list[int] = []
        self.went_live: list[tuple[int, int, RecordedCall | None]] = []
        self.live_host = RecordingHost(answer=b'"live"')
        self.refuses: Callable[[], None] = lambda: None
        recorded = iter(calls) if calls is not None else recorded_calls(stored(*events), nothing_done, after)
        self.host = ReplayHost(recorded, opened or in_clear, self, exact=exact, after=after)

    def begin(self) -> ReplayHost:
        """The host, once the guest may run."""
        self.host.begin()
        return self.host

    def replayed(self, call: int, fuel: int, recorded: RecordedCall | None) -> None:
        self.refuses()
        self.replayed_calls.append(call)

    def live(self, calls: int, fuel: int, open_call: RecordedCall | None) -> GuestHost:
        self.went_live.append((calls, fuel, open_call))
        return self.live_host

    def stops(self, ask: Callable[[ReplayHost], object]) -> bool:
        """Whether the call stops the guest."""
        try:
            ask(self.host)
        except StopGuest:
            return True
        return False


def in_clear(recorded: ev.Recorded) -> bytes:
    """The bytes of what is in the event itself."""
    assert isinstance(recorded, ev.Inline)
    return recorded.data


def query(call: int, answer: bytes = b'"told"', payload: bytes = b"{}", code: str = "") -> ev.OperationAnswered:
    return ev.OperationAnswered(call, call * 10, "query:test.ping", None, ev.Inline(payload), ev.Inline(answer), code)


def intent(call: int, effect: str = "idempotent", payload: bytes = b"{}") -> ev.ActionIntended:
    return ev.ActionIntended(call, call * 10, "action:mail.send", None, effect, "ab" * 16, ev.Inline(payload))


def action(call: int, answer: bytes = b'"sent"', payload: bytes = b"{}", code: str = "") -> ev.ActionAnswered:
    return ev.ActionAnswered(
        call, call * 10, "action:mail.send", None, "ab" * 16, ev.Inline(payload), ev.Inline(answer), code
    )


def resolved(call: int, resolution: str, answer: bytes = b"", code: str = "") -> ev.DoubtResolved:
    return ev.DoubtResolved(call, resolution, ev.Inline(answer), code, "cli")


def edge(call: int, response: str = "wait") -> ev.BudgetReached:
    return ev.BudgetReached(call, call * 10 + 5, "fuel_per_hour", 1_000, 250, response)
