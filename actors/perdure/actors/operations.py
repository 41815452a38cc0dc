"""What the operation router needs of whoever knows the operations."""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

import msgspec

from perdure.actors.cancel_token import CancelToken
from perdure.actors.messages import BudgetUse, OperationCall
from perdure.store.event_store import Effects
from perdure.store.events import Recorded, RowWrite

UNKNOWN: Final = "unknown"
HOST: Final = "(host)"  # the pool of calls that no extension makes; no extension's id
# What a call may do: a query nothing, an action what it is declared to do.
EFFECTS: Final = ("query", "transactional", "idempotent", "non_idempotent", UNKNOWN)
# The codes of the ABI.
CODES: Final = (
    "permission_denied",
    "library_denied",
    "rate_limited",
    "unknown_method",
    "invalid_payload",
    "not_found",
    "failed",
    "unavailable",
)
_MOST_TEXT: Final = 4096  # characters of a failure's message; a handler's exceptions may quote whole files


class OperationFailed(Exception):
    """A call that ends in an answer with one of the ABI's codes.

    ``retry_after_ms`` is when it may be tried again, if that is known; ``budget`` is the one that refused it.

    Raises:
        ValueError: the ABI has no such code, or the message is no text.
    """

    def __init__(
        self, code: str, message: str, *, retry_after_ms: int | None = None, budget: BudgetUse | None = None
    ) -> None:
        if code not in CODES:
            raise ValueError(f"{code!r} is none of the codes: {', '.join(sorted(CODES))}")
        if not isinstance(message, str):
            raise ValueError("a message must be text")  # noqa: TRY004  # as the line before
        self.code, self.message = code, message
        self.retry_after_ms, self.budget = retry_after_ms, budget
        super().__init__(message)


class Admission(msgspec.Struct, frozen=True):
    """A call that may run: the operation's name for the metrics, whose workers run it, and for how long at most.

    An ``asynchronous`` handler runs on the event loop instead. ``effect`` is one of `EFFECTS`.
    """

    name: str
    pool: str
    seconds: float
    asynchronous: bool = False
    effect: str = UNKNOWN

    @property
    def recorded(self) -> bool:
        """Whether all it does is what its outcome records: then nothing happens if that is dropped."""
        return self.effect in ("query", "transactional")


class Hold(msgspec.Struct, frozen=True):
    """A call that has to wait: ask again after so many seconds."""

    seconds: float
    budget: BudgetUse


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a call led to. ``answer`` is UTF-8 JSON; ``code`` is empty on success.

    ``action``: an action ran, so its outcome is durable before anybody gets it; ``writes`` and ``effects`` are
    committed with it. ``payload`` and ``recorded_answer`` say how the two are recorded where that is not as they are.
    """

    answer: bytes
    code: str = ""
    action: bool = False
    payload: Recorded | None = None
    recorded_answer: Recorded | None = None
    writes: tuple[RowWrite, ...] = ()
    effects: Effects | None = None


class Operations(Protocol):
    """The registry, the permissions and the budgets, as the router sees them."""

    def admit(self, call: OperationCall) -> Admission | Hold:
        """Check a call on the router's thread.

        Raises:
            OperationFailed: the call is refused; the answer is the guest's.
        """

    def run(self, call: OperationCall, token: CancelToken) -> Outcome:
        """Run an admitted call on a worker thread.

        Raises:
            OperationFailed: the operation failed in a way the caller may know about.
        """

    async def run_async(self, call: OperationCall, token: CancelToken) -> Outcome:
        """The same for an asynchronous handler, on the event loop."""

    def intended(self, call: OperationCall) -> Recorded | None:
        """How the payload of an admitted action is recorded before it runs; None for as it is.

        Raises:
            OperationFailed: it would be refused before its handler begins.
            StoreError: it cannot be recorded now.
        """

    def opened(self, recorded: Recorded) -> bytes:
        """The bytes of a payload or an answer that the log has.

        Raises:
            UnreadableNow: they cannot be read now; `LockedNow` if that is so until a person unlocks them.
            Exception: they cannot be read any more: their key was destroyed, or their blob is lost.
        """

    def failed(self, call: OperationCall, failure: OperationFailed, *, ran: bool) -> Outcome:
        """What is answered and recorded for a call that failed; ``ran``: after its handler began."""


def failure_answer(code: str, message: str, retry_after_ms: int | None = None) -> bytes:
    """The JSON that a caller gets for a failed call; a long message is cut."""
    text = message if len(message) <= _MOST_TEXT else message[:_MOST_TEXT] + "…"
    answer: dict[str, Any] = {"error": text.encode(errors="replace").decode(), "code": code}
    if retry_after_ms is not None:
        answer["retry_after_ms"] = retry_after_ms
    return json.dumps(answer, ensure_ascii=False).encode()
