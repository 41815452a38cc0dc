"""Between a guest and its host: what was asked, in order, and an interrupt or a refusal that a test wants."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.actors.guest import Guest, GuestHost, GuestResult, Interrupt

REFUSED_SECONDS: Final = 60.0


class Asked(msgspec.Struct, frozen=True):
    """One thing that a guest asked of its host: the host function's name, and what was said, by the host's names."""

    what: str
    said: dict[str, Any]


class Witness:
    """A `Guest` in front of another one, which sees what that one asks."""

    def __init__(
        self, guest: Guest, interrupt_at: int | None, stop: Callable[[], object], requests: int | None
    ) -> None:
        self.asked: list[Asked] = []
        self.result: GuestResult | None = None
        self._guest = guest
        self._interrupt_at = interrupt_at
        self._stop = stop
        self._requests = requests

    def run(self, host: GuestHost, state: bytes) -> GuestResult:
        """See `Guest.run`."""
        watched = _WatchedHost(host, self.asked, self._interrupt_at, self._stop, self._requests)
        self.result = self._guest.run(watched, state)
        return self.result

    def allow_fuel(self, fuel: int) -> None:
        """See `Guest.allow_fuel`."""
        self._guest.allow_fuel(fuel)

    def kill(self) -> None:
        """See `Guest.kill`."""
        self._guest.kill()

    def close(self) -> None:
        """See `Guest.close`."""
        self._guest.close()


class _WatchedHost:
    """A `GuestHost` that notes what it passes on."""

    def __init__(
        self,
        host: GuestHost,
        asked: list[Asked],
        interrupt_at: int | None,
        stop: Callable[[], object],
        requests: int | None,
    ) -> None:
        self._host = host
        self._asked = asked
        self._interrupt_at = interrupt_at
        self._stop = stop
        self._requests = requests
        self._checks = 0
        self._admitted = 0

    def log(self, fuel: int, level: int, message: str) -> None:
        self._host.log(fuel, level, message)
        self._note("log", level=level, message=message)

    def report_progress(self, fuel: int, progress: float, message: str) -> None:
        self._host.report_progress(fuel, progress, message)
        self._note("report_progress", fraction=progress, message=message)

    def checkpoint(self, fuel: int, state: bytes) -> bool:
        saved = self._host.checkpoint(fuel, state)
        if saved:
            self._note("checkpoint", state=state)
        return saved

    def check_interrupt(self, fuel: int) -> Interrupt:
        self._checks += 1
        if self._interrupt_at is None or self._checks != self._interrupt_at:
            return self._host.check_interrupt(fuel)
        # The request goes the way of a person's, which waits for the job: so on a thread of its own.
        threading.Thread(target=self._stop, daemon=True).start()
        while (answer := self._host.check_interrupt(fuel)) is Interrupt.CONTINUE:
            time.sleep(0.001)
        return answer

    def add_warning(self, fuel: int, message: str) -> None:
        self._host.add_warning(fuel, message)
        self._note("add_warning", message=message)

    def increment_items(self, fuel: int, count: int) -> None:
        self._host.increment_items(fuel, count)
        self._note("increment_items", count=count)

    def increment_bytes(self, fuel: int, count: int) -> None:
        self._host.increment_bytes(fuel, count)
        self._note("increment_bytes", count=count)

    def call(self, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        answer = self._host.call(fuel, method, library_id, payload)
        if self._requests is not None and not _is_refused(answer):
            self._admitted += 1
            if self._admitted > self._requests:
                refusal = {"error": "the budget of requests is used up", "code": "rate_limited"}
                answer = json.dumps({**refusal, "retry_after_ms": round(REFUSED_SECONDS * 1_000)}).encode()
        library = str(library_id) if library_id is not None else None
        self._note("call", method=method, library_id=library, payload=payload, answer=answer)
        return answer

    def _note(self, what: str, **said: Any) -> None:
        self._asked.append(Asked(what, said))


def _is_refused(answer: bytes) -> bool:
    found = json.loads(answer)
    return isinstance(found, dict) and "error" in found and found.get("code") in ("permission_denied", "library_denied")
