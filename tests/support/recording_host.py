"""A `GuestHost` that records what a guest asks, and answers as it was told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from perdure.actors.guest import Interrupt


class RecordingHost:
    """``calls`` has a tuple for each call: the method's name and its arguments without the fuel, which is in ``fuel``.

    ``hooks`` maps a method's name to a function that is called before the answer, and may raise.
    """

    def __init__(
        self,
        *,
        answer: bytes | Callable[[str, UUID | None, bytes], bytes] = b'{"ok": true}',
        stores: bool = True,
        interrupts: tuple[Interrupt, ...] = (),
    ) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.fuel: list[int] = []
        self.hooks: dict[str, Callable[[], None]] = {}
        self._answer = answer
        self._stores = stores
        self._interrupts = list(interrupts)

    @property
    def names(self) -> list[str]:
        """The names of the calls, in their order."""
        return [call[0] for call in self.calls]

    def _record(self, fuel: int, *call: Any) -> None:
        self.fuel.append(fuel)
        self.calls.append(call)
        if call[0] in self.hooks:
            self.hooks[call[0]]()

    def log(self, fuel: int, level: int, message: str) -> None:
        self._record(fuel, "log", level, message)

    def report_progress(self, fuel: int, progress: float, message: str) -> None:
        self._record(fuel, "report_progress", progress, message)

    def checkpoint(self, fuel: int, state: bytes) -> bool:
        self._record(fuel, "checkpoint", state)
        return self._stores

    def check_interrupt(self, fuel: int) -> Interrupt:
        self._record(fuel, "check_interrupt")
        return self._interrupts.pop(0) if self._interrupts else Interrupt.CONTINUE

    def add_warning(self, fuel: int, message: str) -> None:
        self._record(fuel, "add_warning", message)

    def increment_items(self, fuel: int, count: int) -> None:
        self._record(fuel, "increment_items", count)

    def increment_bytes(self, fuel: int, count: int) -> None:
        self._record(fuel, "increment_bytes", count)

    def call(self, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        self._record(fuel, "call", method, library_id, payload)
        return self._answer if isinstance(self._answer, bytes) else self._answer(method, library_id, payload)
