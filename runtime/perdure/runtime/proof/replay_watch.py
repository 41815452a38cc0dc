"""What watches a guest that is run again for a proof: it counts what was compared, and lets nothing live happen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NoReturn
from uuid import UUID

from perdure.actors.effect_keys import EffectKeys
from perdure.actors.guest import GuestHost, Interrupt, StopGuest
from perdure.actors.replay.divergence import Divergence, event_words, recorded_words
from perdure.actors.replay.recorded_calls import AskedEvent, RecordedCall
from perdure.actors.stated import log_written, payload_of, progress_reported
from perdure.runtime.proof.recorded_runs import RecordedRun
from perdure.store.errors import StoreError
from perdure.store.event_store import StoredEvent
from perdure.store.events import (
    ActionAnswered,
    ActionIntended,
    ActionReused,
    BudgetReached,
    BytesCounted,
    CheckpointRefused,
    CheckpointSaved,
    GuestEvent,
    InterruptAnswered,
    ItemsCounted,
    JsonObject,
    OperationAnswered,
    Recorded,
    Sealed,
    WarningAdded,
    tag_of,
)

_OPERATION: Final = "call"
_ANSWERS: Final[dict[type[GuestEvent], str]] = {
    CheckpointSaved: "checkpoint saved",
    CheckpointRefused: "checkpoint refused",
    InterruptAnswered: "interrupt",
}


class ProofWatch:
    """The `perdure.actors.replay.replay_host.ReplayWatch` of one run.

    Attributes:
        last: the last call that was compared.
        silent: how many interrupts were answered with 0, which leaves nothing in the log.
        beyond_log: those of them that came after the last recorded call.
        opened_calls: how many calls were compared after opening a seal.
        functions, answers: how many calls there were of each host function, and answers of each kind.
        log_ended: whether all that is recorded was compared.
        divergence: what differs, where not the replay itself saw it.
        failure: why the log cannot be followed, if that is so.
        unreadable: why the payload of the call behind `last` cannot be read, if that is so.

    Args:
        run: what is run again.
        job_id: the job.
        library_id: the job's.
        opened: the bytes of a payload.
    """

    def __init__(
        self,
        run: RecordedRun,
        job_id: UUID,
        library_id: UUID,
        opened: Callable[[Recorded], bytes],
    ) -> None:
        self.last: RecordedCall | None = None
        self.silent = self.beyond_log = 0
        self.opened_calls = 0
        self.functions: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.log_ended = False
        self.divergence: Divergence | None = None
        self.failure: BadRun | StoreError | None = None
        self.unreadable = ""
        self._run = run
        self._library_id = library_id
        self._opened = opened
        self._effects = EffectKeys(job_id, run.origin)
        self._calls: Iterator[RecordedCall] | None = None
        self._names: dict[type[GuestEvent], str] = {}  # of host functions, by the event that a call leaves

    def watched(self, calls: Iterator[RecordedCall], known_fuel: Callable[[bool], None]) -> Iterator[RecordedCall]:
        """The run's calls, each looked at before it is compared; ``known_fuel`` is told whether its fuel is known."""
        self._calls = self._looked_at(calls, known_fuel)
        return self._calls

    def _looked_at(self, calls: Iterator[RecordedCall], known_fuel: Callable[[bool], None]) -> Iterator[RecordedCall]:
        try:
            for call in calls:
                known_fuel(call.sequence > self._run.led_until)
                yield call
        except (BadRun, StoreError) as error:
            self.failure = error
            raise StopGuest from None

    # --- `ReplayWatch` -----------------------------------------------------------------------------------------------

    def replayed(self, call: int, fuel: int, recorded: RecordedCall | None) -> None:
        """See `ReplayWatch.replayed`."""
        if recorded is None:
            self._silent()
            return
        asked, event = recorded.asked, recorded.event
        if asked is not None:
            self.functions[_OPERATION] += 1
            self.answers[_kind(recorded)] += 1
            if isinstance(asked.payload, Sealed) or isinstance(recorded.answer, Sealed):
                self.opened_calls += 1
            if asked.method.startswith("action:"):
                self._action(recorded, asked)
        elif event is not None:
            self._stated(event, recorded.sequence)
        self.last = recorded

    def _stated(self, event: GuestEvent, sequence: int) -> None:
        kind = type(event)
        name = self._names.get(kind)
        if name is None:
            name = self._names[kind] = str(event_words(event)["function"])
        self.functions[name] += 1
        if (answer := _ANSWERS.get(kind)) is not None:
            self.answers[answer] += 1
        if kind is CheckpointSaved:
            self._effects.saved(sequence)

    def live(self, calls: int, fuel: int, open_call: RecordedCall | None) -> GuestHost:
        """See `ReplayWatch.live`: nothing is; only a guest that ended its run itself is let go on to its end.

        Raises:
            StopGuest: the run was ended from outside, here.
        """
        if open_call is not None:
            self.last = open_call  # what it asks is as it was recorded, and nobody knows an answer
            if self._calls is not None and (more := next(self._calls, None)) is not None:
                self._diverge(more, open_call.call, {"function": "none", "reason": "a call without an answer"})
            if self._run.by_guest:
                self._diverge(open_call, open_call.call, {"function": "none", "reason": "a call without an answer"})
        self.log_ended = True
        if self._run.by_guest:
            return _Tail(self, calls)
        raise StopGuest

    # --- the rest ----------------------------------------------------------------------------------------------------

    def _silent(self) -> None:
        self.silent += 1
        self.functions["check_interrupt"] += 1

    def _action(self, recorded: RecordedCall, asked: AskedEvent) -> None:
        event = recorded.event
        library = asked.library_id if asked.library_id is not None else self._library_id
        try:
            payload = self._opened(asked.payload)
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody can say what was asked
            self.unreadable = str(error)
            raise StopGuest from None
        if isinstance(event, ActionAnswered | ActionIntended) and event.effect_key:
            key = self._effects.next(asked.method, library, payload)
            if key != event.effect_key:
                words = recorded_words(recorded, recorded.call)
                self.divergence = Divergence(
                    recorded.call,
                    recorded.sequence,
                    words | {"effect_key": event.effect_key},
                    words | {"effect_key": key},
                )
                raise StopGuest
        if not recorded.code:
            self._effects.done(asked.method, library, payload)

    def _diverge(self, recorded: RecordedCall, call: int, came: JsonObject) -> NoReturn:
        self.divergence = Divergence(call, recorded.sequence, recorded_words(recorded, recorded.call), came)
        raise StopGuest

    def beyond(self, call: int, words: JsonObject) -> NoReturn:
        """The guest made another call, where the log has its end."""
        end = self._run.end
        if end is None:
            raise AssertionError("unreachable: only a run with an end is followed to it")
        self.divergence = Divergence(call, end.sequence, {"function": "none", "end": tag_of(end.event)}, words)
        raise StopGuest


class _Tail:
    """The `GuestHost` between the last recorded call and the guest's end: only silent interrupts can be there."""

    def __init__(self, watch: ProofWatch, calls: int) -> None:
        self._watch = watch
        self._calls = calls

    def _beyond(self, event: GuestEvent) -> NoReturn:
        self._watch.beyond(event.call, event_words(event))

    def log(self, fuel: int, level: int, message: str) -> None:
        """See `GuestHost.log`."""
        self._beyond(log_written(self._calls + 1, fuel, level, message))

    def report_progress(self, fuel: int, progress: float, message: str) -> None:
        """See `GuestHost.report_progress`."""
        self._beyond(progress_reported(self._calls + 1, fuel, progress, message))

    def checkpoint(self, fuel: int, state: bytes) -> bool:
        """See `GuestHost.checkpoint`."""
        self._beyond(CheckpointSaved(self._calls + 1, fuel, payload_of(state)))

    def check_interrupt(self, fuel: int) -> Interrupt:
        """See `GuestHost.check_interrupt`."""
        self._calls += 1
        self._watch.beyond_log += 1
        self._watch.silent += 1
        self._watch.functions["check_interrupt"] += 1
        return Interrupt.CONTINUE

    def add_warning(self, fuel: int, message: str) -> None:
        """See `GuestHost.add_warning`."""
        self._beyond(WarningAdded(self._calls + 1, fuel, message))

    def increment_items(self, fuel: int, count: int) -> None:
        """See `GuestHost.increment_items`."""
        self._beyond(ItemsCounted(self._calls + 1, fuel, count))

    def increment_bytes(self, fuel: int, count: int) -> None:
        """See `GuestHost.increment_bytes`."""
        self._beyond(BytesCounted(self._calls + 1, fuel, count))

    def call(self, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        """See `GuestHost.call`."""
        library = None if library_id is None else str(library_id)
        words = {"function": _OPERATION, "method": method[:200], "library_id": library, "bytes": len(payload)}
        self._watch.beyond(self._calls + 1, words)


class BadRun(Exception):
    """A run's events are not what one guest's calls leave; ``sequence`` is the first one that cannot be."""

    def __init__(self, sequence: int, reason: str) -> None:
        self.sequence, self.reason = sequence, reason
        super().__init__(f"event {sequence}: {reason}")


def one_event_a_call(events: Iterator[StoredEvent], same_fuel_from: int) -> Iterator[StoredEvent]:
    """The events of a run, if each call has one, beside its intents and the edges of budgets.

    A replay compares one event of each call: without this, others could stand in the log unseen. An intent at sequence
    ``same_fuel_from`` or later has the fuel of its answer.

    Raises:
        BadRun: a call has two, or an intent is of something else than what was then answered.
    """
    answered = 0
    intent: ActionIntended | None = None
    same_fuel = True
    for stored in events:
        event = stored.event
        if isinstance(event, GuestEvent) and not isinstance(event, BudgetReached):
            if event.call <= answered:
                raise BadRun(stored.sequence, f"it is another event of call {event.call}, or of one before")
            if intent is not None and event.call == intent.call and not _answers(intent, event, same_fuel):
                raise BadRun(stored.sequence, f"it does not answer what was intended as call {event.call}")
            if isinstance(event, ActionIntended):
                intent, same_fuel = event, stored.sequence >= same_fuel_from
            else:
                answered = event.call
        yield stored


def _answers(intent: ActionIntended, event: GuestEvent, same_fuel: bool) -> bool:
    """Whether both are about the same call; sealed payloads, which are other bytes each time, aside."""
    if not isinstance(event, ActionIntended | ActionAnswered | OperationAnswered):
        return False
    if (event.method, event.library_id) != (intent.method, intent.library_id):
        return False
    if same_fuel and event.fuel != intent.fuel:
        return False
    if isinstance(event, ActionAnswered | ActionIntended) and event.effect_key != intent.effect_key:
        return False
    sealed = isinstance(event.payload, Sealed) or isinstance(intent.payload, Sealed)
    return sealed or event.payload == intent.payload


def _kind(recorded: RecordedCall) -> str:
    if isinstance(recorded.event, ActionIntended):
        return "a person's answer"
    if isinstance(recorded.event, ActionReused):
        return "reused action"
    if isinstance(recorded.asked, OperationAnswered) and recorded.code:
        return "refusal or failure"
    if isinstance(recorded.asked, OperationAnswered):
        return "query"
    return "failed action" if recorded.code else "action"
