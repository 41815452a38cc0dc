"""The `GuestHost` of a guest that is run again: it answers from the log until the log ends, then another one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NoReturn, Protocol
from uuid import UUID

import msgspec

from perdure.actors.errors import UnreadableNow
from perdure.actors.guest import GuestHost, Interrupt, StopGuest
from perdure.actors.replay.divergence import (
    Asked,
    Divergence,
    asked_words,
    event_words,
    fuel_words,
    recorded_words,
)
from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.actors.stated import log_written, payload_of, progress_reported
from perdure.store.blobs import digest_of
from perdure.store.errors import BadEvent, BlobMissing, CorruptBlob, CorruptLog, StoreError
from perdure.store.events import (
    BlobRef,
    BytesCounted,
    CheckpointRefused,
    CheckpointSaved,
    GuestEvent,
    Inline,
    InterruptAnswered,
    ItemsCounted,
    JsonObject,
    ProgressReported,
    Recorded,
    WarningAdded,
    encode,
)

_LOST: Final = (BlobMissing, CorruptBlob, CorruptLog, BadEvent)


class Unreadable(Exception):
    """What a guest was told at host call ``call`` can no longer be read: its key was destroyed, or its blob is lost."""

    def __init__(self, call: int, reason: str) -> None:
        self.call, self.reason = call, reason
        super().__init__(f"call {call} cannot be answered from the log: {reason}")


class ReplayWatch(Protocol):
    """Who is told of a replay, on the guest's thread. Each method may raise `StopGuest`."""

    def replayed(self, call: int, fuel: int, recorded: RecordedCall | None) -> None:
        """Host call ``call`` (from 1) is as it was recorded, and about to be answered.

        ``fuel`` is what the guest has consumed now. None: a ``check_interrupt`` that was answered with 0.
        """

    def live(self, calls: int, fuel: int, open_call: RecordedCall | None) -> GuestHost:
        """The log has ended: who answers from the next call on.

        ``calls`` were answered from the log, and ``fuel`` is what the guest has consumed. ``open_call`` is the next
        one, if the log has that but no answer to it.
        """


class ReplayHost:
    """Answers a guest's host calls with what the log has, and compares each with what was recorded.

    Attributes:
        calls: the number of the last call that was answered from the log.
        divergence: what made it stop the guest, if it did.
        unreadable: what else made it.
        broken: what else made it, and may pass: the log or a key cannot be read now.
        told: the last answer to ``check_interrupt`` that was not 0.
        exact: see below; whoever hands over the calls may set it between them.

    Args:
        calls: the run's, in order.
        opened: the bytes of an answer or a payload; raises `UnreadableNow`, and any other error where there are none.
        watch: see `ReplayWatch`.
        exact: whether a call has to come at the same fuel; False where another version of wasmtime may count.
        after: how many calls the run had made before the first of ``calls``.
    """

    def __init__(
        self,
        calls: Iterator[RecordedCall],
        opened: Callable[[Recorded], bytes],
        watch: ReplayWatch,
        *,
        exact: bool,
        after: int = 0,
    ) -> None:
        self.calls = after
        self._after = after
        self.divergence: Divergence | None = None
        self.unreadable: Unreadable | None = None
        self.broken: Exception | None = None
        self.told = Interrupt.CONTINUE
        self._recorded = calls
        self._opened = opened
        self._watch = watch
        self.exact = exact
        self._host: GuestHost | None = None
        self._next: RecordedCall | None = None

    @property
    def is_live(self) -> bool:
        """Whether the log has ended."""
        return self._host is not None

    @property
    def answered(self) -> int:
        """How many calls were answered from the log."""
        return self.calls - self._after

    def begin(self) -> None:
        """Before the guest runs. A log without calls has ended. Raises as `ReplayWatch.live`."""
        self._advance(0)

    def ended(self, how: str) -> None:
        """The guest ended by itself, ``how`` in a few words; a divergence if the log goes on."""
        stopped = self.divergence or self.unreadable or self.broken
        if self._host is None and self._next is not None and stopped is None:
            call = self.calls + 1
            self.divergence = Divergence(
                call, self._next.sequence, recorded_words(self._next, call), {"function": "none", "end": how}
            )

    # --- the host's methods ------------------------------------------------------------------------------------------

    def log(self, fuel: int, level: int, message: str) -> None:
        """See `GuestHost.log`."""
        if self._host is None and self._matches(log_written(self.calls + 1, fuel, level, message)):
            return
        self._live().log(fuel, level, message)

    def report_progress(self, fuel: int, progress: float, message: str) -> None:
        """See `GuestHost.report_progress`."""
        if self._host is None and self._matches(progress_reported(self.calls + 1, fuel, progress, message)):
            return
        self._live().report_progress(fuel, progress, message)

    def checkpoint(self, fuel: int, state: bytes) -> bool:
        """See `GuestHost.checkpoint`."""
        if self._host is None:
            refused = self._next is not None and isinstance(self._next.event, CheckpointRefused)
            if self._matches(self._checkpoint(fuel, state)):
                return not refused
        return self._live().checkpoint(fuel, state)

    def check_interrupt(self, fuel: int) -> Interrupt:
        """See `GuestHost.check_interrupt`."""
        if self._host is None:
            recorded = self._next
            if recorded is not None and self.calls + 1 < recorded.call:
                self._watch.replayed(self.calls + 1, fuel, None)
                self.calls += 1
                return Interrupt.CONTINUE
            before = recorded.event if recorded is not None else None
            answer = before.answer if isinstance(before, InterruptAnswered) else 0
            if self._matches(InterruptAnswered(self.calls + 1, fuel, answer)):
                self.told = Interrupt(answer)
                return self.told
        return self._live().check_interrupt(fuel)

    def add_warning(self, fuel: int, message: str) -> None:
        """See `GuestHost.add_warning`."""
        if self._host is None and self._matches(WarningAdded(self.calls + 1, fuel, message)):
            return
        self._live().add_warning(fuel, message)

    def increment_items(self, fuel: int, count: int) -> None:
        """See `GuestHost.increment_items`."""
        if self._host is None and self._matches(ItemsCounted(self.calls + 1, fuel, count)):
            return
        self._live().increment_items(fuel, count)

    def increment_bytes(self, fuel: int, count: int) -> None:
        """See `GuestHost.increment_bytes`."""
        if self._host is None and self._matches(BytesCounted(self.calls + 1, fuel, count)):
            return
        self._live().increment_bytes(fuel, count)

    def call(self, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        """See `GuestHost.call`."""
        if self._host is None:
            answer = self._asked(Asked(self.calls + 1, fuel, method, library_id, payload))
            if answer is not None:
                return answer
        return self._live().call(fuel, method, library_id, payload)

    # --- comparing ---------------------------------------------------------------------------------------------------

    def _live(self) -> GuestHost:
        if self._host is None:
            raise RuntimeError("a replay has to be begun before its guest runs")
        return self._host

    def _checkpoint(self, fuel: int, state: bytes) -> GuestEvent:
        recorded = self._next.event if self._next is not None else None
        if isinstance(recorded, CheckpointRefused):
            digest = bytes.fromhex(digest_of(state))
            return CheckpointRefused(self.calls + 1, fuel, digest, recorded.reason)
        return CheckpointSaved(self.calls + 1, fuel, payload_of(state))

    def _matches(self, came: GuestEvent) -> bool:
        """Whether the call was answered from the log; False where the log has ended before it."""
        recorded = self._due(came.call, came.fuel)
        if recorded is None:
            return False
        event = recorded.event
        if came.call < recorded.call or event is None or type(event) is not type(came):
            self._diverge(recorded, came.call, event_words(came))
        told = came if self.exact or came.fuel == event.fuel else msgspec.structs.replace(came, fuel=event.fuel)
        # Fractions by their bytes: 0.0 and -0.0 are equal, and are not the same.
        if (told != event or type(event) is ProgressReported) and encode(told) != encode(event):
            self._differs(recorded, came.call, came.fuel, event_words(came))
        self._replayed(recorded, came.fuel)
        return True

    def _asked(self, came: Asked) -> bytes | None:
        recorded = self._due(came.call, came.fuel)
        if recorded is None:
            return None
        asked = recorded.asked
        if (
            came.call < recorded.call
            or asked is None
            or (asked.method, asked.library_id) != (came.method, came.library_id)
            or not self._is_payload(asked.payload, came)
        ):
            self._diverge(recorded, came.call, asked_words(came, recorded))
        if self.exact and recorded.fuel != came.fuel:
            self._differs(recorded, came.call, came.fuel, asked_words(came, recorded))
        if recorded.answer is None:
            self._end(came.fuel, recorded)
            return None
        answer = self._read(came.call, recorded.answer)
        self._replayed(recorded, came.fuel)
        return answer

    def _due(self, call: int, fuel: int) -> RecordedCall | None:
        """The recorded call that is next; None, and the log has ended, if nothing is known of this one."""
        recorded = self._next
        if recorded is not None and recorded.asked is None and recorded.is_open and recorded.call == call:
            self._end(fuel, recorded)
            return None
        return recorded

    def _is_payload(self, recorded: Recorded, came: Asked) -> bool:
        if isinstance(recorded, Inline):
            return recorded.data == came.payload
        if isinstance(recorded, BlobRef):
            return recorded.size == len(came.payload) and recorded.digest == digest_of(came.payload)
        return self._read(came.call, recorded) == came.payload

    def _read(self, call: int, recorded: Recorded) -> bytes:
        try:
            return self._opened(recorded)
        except Exception as error:  # noqa: BLE001  # whatever it is, the guest cannot be told what it was told
            self._unread(call, error)

    def _unread(self, call: int, error: Exception) -> NoReturn:
        # What passes is no reason to give a job up.
        passes = isinstance(error, StoreError | UnreadableNow) and not isinstance(error, _LOST)
        if passes:
            self.broken = error
        else:
            self.unreadable = Unreadable(call, str(error))
        raise StopGuest from None

    def _replayed(self, recorded: RecordedCall, fuel: int) -> None:
        try:
            self._watch.replayed(recorded.call, fuel, recorded)
        except (StoreError, UnreadableNow) as error:
            self._unread(recorded.call, error)
        self.calls = recorded.call
        self._advance(fuel)

    def _advance(self, fuel: int) -> None:
        try:
            self._next = next(self._recorded, None)
        except StoreError as error:
            self._unread(self.calls + 1, error)
        if self._next is None:
            self._end(fuel, None)

    def _end(self, fuel: int, open_call: RecordedCall | None) -> None:
        self._host = self._watch.live(self.calls, fuel, open_call)

    def _differs(self, recorded: RecordedCall, call: int, fuel: int, came: JsonObject) -> NoReturn:
        """The call is of the same kind: say its fuel too if that is all that differs."""
        words = recorded_words(recorded, call)
        if words == came:
            self._stop(Divergence(call, recorded.sequence, fuel_words(words, recorded.fuel), fuel_words(came, fuel)))
        self._stop(Divergence(call, recorded.sequence, words, came))

    def _diverge(self, recorded: RecordedCall, call: int, came: JsonObject) -> NoReturn:
        self._stop(Divergence(call, recorded.sequence, recorded_words(recorded, call), came))

    def _stop(self, divergence: Divergence) -> NoReturn:
        self.divergence = divergence
        raise StopGuest
