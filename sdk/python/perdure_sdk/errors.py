"""What goes wrong in an extension, as Python says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class PerdureError(Exception):
    """All errors of this package."""


class Interrupted(BaseException):
    """The job is to end here: it was paused or cancelled. `JobContext.check_interrupt` raises it.

    Like `asyncio.CancelledError` it is no `Exception`, so that ``except Exception`` in a job does not keep it running.
    Use ``finally`` or a ``with`` statement to put things in order, and let it pass.

    Attributes:
        reason: ``pause``: the job goes on from its state later. ``cancel``: it does not; its state is kept.
    """

    def __init__(self, reason: str = "pause") -> None:
        super().__init__(reason)
        self.reason = reason


class StateError(PerdureError, ValueError):
    """A value does not fit its type, or JSON cannot say it.

    Attributes:
        path: where it is, like ``state.items[3].name``.
        problem: what is wrong there.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class CheckpointRefused(PerdureError):
    """The state could not be stored: it is too large, or the host's disk is full. The checkpoint before it stays."""


class NotInSandbox(PerdureError, OSError):
    """The code asked for something that a sandbox has not: a clock, randomness, files, the network, another module.

    The message says what to use in its place.
    """


class ExtensionError(PerdureError):
    """An extension or a job is declared in a way that cannot be."""


class CallError(PerdureError):
    """An operation failed. Each code of the contract has a class of its own.

    Attributes:
        method: the operation that was called.
        code: such as ``not_found``.
        message: for people.
        retry_after: after how many seconds the same call may succeed; None if the host does not know.
        answer: the whole answer, as the host recorded it.
    """

    CODE: ClassVar[str] = ""

    def __init__(
        self,
        message: str = "",
        *,
        method: str = "",
        code: str = "",
        retry_after: float | None = None,
        answer: Mapping[str, Any] | None = None,
    ) -> None:
        self.method = method
        self.code = code or self.CODE
        self.message = message
        self.retry_after = retry_after
        self.answer = dict(answer) if answer is not None else {"error": message, "code": self.code}
        super().__init__(f"{self.code}: {message}")


class PermissionDenied(CallError):
    """The manifest does not ask for the operation, or nobody granted it."""

    CODE = "permission_denied"


class LibraryDenied(CallError):
    """The extension may not work in that library."""

    CODE = "library_denied"


class RateLimited(CallError):
    """A budget is used up for now; ``retry_after`` says for how many seconds."""

    CODE = "rate_limited"


class UnknownMethod(CallError):
    """The host has no such operation."""

    CODE = "unknown_method"


class InvalidPayload(CallError):
    """The payload is not what the operation takes; the message says where."""

    CODE = "invalid_payload"


class NotFound(CallError):
    """What the payload names is not there."""

    CODE = "not_found"


class OperationFailed(CallError):
    """The operation was tried, and failed."""

    CODE = "failed"


class Unavailable(CallError):
    """What the operation needs is not there for now."""

    CODE = "unavailable"


_CLASSES = {
    kind.CODE: kind
    for kind in (
        PermissionDenied,
        LibraryDenied,
        RateLimited,
        UnknownMethod,
        InvalidPayload,
        NotFound,
        OperationFailed,
        Unavailable,
    )
}


def call_error(
    method: str, code: str, message: str, retry_after_ms: int | None, answer: Mapping[str, Any] | None = None
) -> CallError:
    """The error of a code; a plain `CallError` for one that this version does not know."""
    retry_after = None if retry_after_ms is None else retry_after_ms / 1_000
    kind = _CLASSES.get(code, CallError)
    return kind(message, method=method, code=code, retry_after=retry_after, answer=answer)
