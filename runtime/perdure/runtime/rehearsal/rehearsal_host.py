"""The hosts of guests that are rehearsed, where the log does not answer: nothing that they ask for happens."""

from __future__ import annotations

from typing import Final, NoReturn
from uuid import UUID

from perdure.actors.guest import GuestHost, Interrupt, StopGuest
from perdure.actors.replay.divergence import event_words
from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.actors.stated import log_written, payload_of, progress_reported
from perdure.store.events import BytesCounted, CheckpointSaved, ItemsCounted, JsonObject, WarningAdded

_TEXT: Final = 200  # characters of a method


class FirstCall:
    """A `GuestHost` that takes note of a call in words, and stops the guest.

    Attributes:
        words: the call; None if there was none.
        calls: how many interrupts were answered with 0 before it, and the calls before that.

    Args:
        calls: how many calls there were before.
        passes_interrupts: whether a check for interrupts is answered with 0, and is no call that counts.
    """

    def __init__(self, calls: int = 0, *, passes_interrupts: bool) -> None:
        self.words: JsonObject | None = None
        self.calls = calls
        self._passes_interrupts = passes_interrupts

    def _stop(self, words: JsonObject) -> NoReturn:
        self.words = words
        raise StopGuest

    def log(self, fuel: int, level: int, message: str) -> None:
        """See `GuestHost.log`."""
        self._stop(event_words(log_written(self.calls + 1, fuel, level, message)))

    def report_progress(self, fuel: int, progress: float, message: str) -> None:
        """See `GuestHost.report_progress`."""
        self._stop(event_words(progress_reported(self.calls + 1, fuel, progress, message)))

    def checkpoint(self, fuel: int, state: bytes) -> bool:
        """See `GuestHost.checkpoint`."""
        self._stop(event_words(CheckpointSaved(self.calls + 1, fuel, payload_of(state))))

    def check_interrupt(self, fuel: int) -> Interrupt:
        """See `GuestHost.check_interrupt`."""
        if not self._passes_interrupts:
            self._stop({"function": "check_interrupt"})
        self.calls += 1
        return Interrupt.CONTINUE

    def add_warning(self, fuel: int, message: str) -> None:
        """See `GuestHost.add_warning`."""
        self._stop(event_words(WarningAdded(self.calls + 1, fuel, message)))

    def increment_items(self, fuel: int, count: int) -> None:
        """See `GuestHost.increment_items`."""
        self._stop(event_words(ItemsCounted(self.calls + 1, fuel, count)))

    def increment_bytes(self, fuel: int, count: int) -> None:
        """See `GuestHost.increment_bytes`."""
        self._stop(event_words(BytesCounted(self.calls + 1, fuel, count)))

    def call(self, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        """See `GuestHost.call`."""
        library = None if library_id is None else str(library_id)
        self._stop({"function": "call", "method": method[:_TEXT], "library_id": library, "bytes": len(payload)})


class RehearsalWatch:
    """The `perdure.actors.replay.replay_host.ReplayWatch` of one run.

    Attributes:
        recorded_fuel, fuel: what the recorded guest, and this one, had consumed at the last call that was compared.
        after: who serves the guest behind the log, if it is let go on.

    Args:
        follows_to_end: whether the recorded guest ended its run itself, so that this one's end can be compared.
    """

    def __init__(self, *, follows_to_end: bool) -> None:
        self.recorded_fuel = 0
        self.fuel = 0
        self.log_ended = False
        self.after: FirstCall | None = None
        self._follows_to_end = follows_to_end

    def replayed(self, call: int, fuel: int, recorded: RecordedCall | None) -> None:
        """See `ReplayWatch.replayed`."""
        if recorded is not None:
            self.recorded_fuel, self.fuel = recorded.fuel, fuel

    def live(self, calls: int, fuel: int, open_call: RecordedCall | None) -> GuestHost:
        """See `ReplayWatch.live`: nothing is; only a guest whose end is known is let go on to its own.

        Raises:
            StopGuest: the run was ended from outside, here.
        """
        self.log_ended = True
        if not self._follows_to_end or open_call is not None:
            raise StopGuest
        self.after = FirstCall(calls, passes_interrupts=True)
        return self.after
