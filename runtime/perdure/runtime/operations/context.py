"""What a handler is given beside its request."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.actors.cancel_token import CancelToken
from perdure.actors.messages import OperationCall
from perdure.runtime.operations.data import Access, Data
from perdure.runtime.permissions import OperationName
from perdure.store.errors import BadEvent
from perdure.store.event_store import SideAppend
from perdure.store.events import (
    CALLS_STREAM,
    INLINE_LIMIT,
    Event,
    Inline,
    LibraryEventPublished,
    decode,
    encode,
    event_base,
    job_stream,
    library_stream,
)

_log: Final = logging.getLogger("perdure.operations")


class CallContext:
    """On whose behalf a call runs, and what its handler may use.

    Attributes:
        operation: the operation's name and version.
        caller: ``job``, or who called from the host: ``python``, ``cli``.
        extension: the extension that calls or is called for; None is the host itself.
        job_id: the job that calls, if one does.
        library_id: the library to work in; None for an operation of scope ``core``.
        effect_key: for an action: the name of this effect, the same if a crash makes the job repeat it. Hand it on as
            an idempotency key.
        deadline: the monotonic time, in seconds, at which the caller is told that the operation failed.
        cancelled: set when nobody waits for the answer any more.
        data: perdure's own rows; a transactional or idempotent action's writes are committed with its outcome.
    """

    __slots__ = (
        "_appends",
        "_call",
        "_monotonic",
        "_own",
        "call",
        "caller",
        "cancelled",
        "data",
        "deadline",
        "effect_key",
        "extension",
        "job_id",
        "key",
        "library_id",
        "operation",
    )

    def __init__(
        self,
        operation: OperationName,
        call: OperationCall,
        *,
        library_id: UUID | None,
        deadline: float,
        monotonic: Callable[[], float],
        cancelled: CancelToken,
        data: Data,
    ) -> None:
        self.operation = operation
        self.caller = call.caller
        self.extension = call.extension
        self.job_id = call.job_id
        self.call = call.call
        self.library_id = library_id
        self.effect_key = call.effect_key
        self.deadline = deadline
        self.cancelled = cancelled
        self.data = data
        self._call = call
        # The key that seals what is recorded of this call, if its secrets are not the extension's in general.
        self.key: str | None = None
        self._monotonic = monotonic
        self._own = job_stream(call.job_id) if call.job_id is not None else CALLS_STREAM
        self._appends: dict[str, tuple[list[bytes], int | None]] = {}

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """For the host's log; names the operation and the caller."""
        return _CallLog(_log, {"call": self._call, "operation": self.operation})

    def remaining(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self.deadline - self._monotonic())

    def publish(self, topic: str, data: object) -> None:
        """Tell whoever subscribed in this library, when the outcome is committed.

        Args:
            topic: like ``entry.created``.
            data: anything JSON can say, in at most 64 KiB.

        Raises:
            PermissionError: the operation is a query.
            ValueError: the operation does not work in a library, or the data is too large.
        """
        if self.library_id is None:
            raise ValueError("an operation of scope core has no library to publish in")
        encoded = msgspec.json.encode(data)
        if len(encoded) > INLINE_LIMIT:
            raise ValueError(f"an event's data may have {INLINE_LIMIT} bytes, not {len(encoded)}")
        event = LibraryEventPublished(topic, Inline(encoded), self.extension, self.job_id)
        self._append(library_stream(self.library_id), [event], None)

    def append(self, stream: str, events: Sequence[Event], expected: int | None = None) -> None:
        """Append events to another stream when the outcome is committed, or not at all.

        ``expected`` is the sequence that the stream must be at, those of earlier calls of `append` included; if it is
        not, the action runs again.

        Raises:
            PermissionError: the operation is a query, or an action that may not be run again.
            ValueError: the events do not belong on this stream, or its outcome is recorded there.
        """
        if self.data.access is Access.PEEK:
            raise PermissionError("an append may be refused, and this action may not be run again; it may only publish")
        if stream == self._own:
            raise ValueError(f"the outcome is recorded in {stream}, which takes nothing else in the same commit")
        self._append(stream, events, expected)

    def _append(self, stream: str, events: Sequence[Event], expected: int | None) -> None:
        if self.data.access is Access.READ:
            raise PermissionError("a query changes nothing, so it has nothing to tell")
        # Here, where it is the handler's fault: the log would refuse the whole outcome.
        try:
            base = event_base(stream)
            encoded = [encode(event) for event in events]
            fit = all(isinstance(decode(body, stream), base) for body in encoded)
        except BadEvent as error:
            raise ValueError(str(error)) from None
        if not fit:
            raise ValueError(f"not all of these are events for stream {stream}")
        bodies, wanted = self._appends.get(stream, ([], None))
        if expected is not None:
            begin = expected - len(bodies)
            if wanted is not None and wanted != begin:
                raise ValueError(f"{stream} was expected at sequence {wanted} before these events, not at {begin}")
            wanted = begin
        if encoded:
            self._appends[stream] = ([*bodies, *encoded], wanted)

    @property
    def appends(self) -> tuple[SideAppend, ...]:
        """What is to be appended to other streams."""
        return tuple(
            SideAppend(stream, tuple(bodies), expected) for stream, (bodies, expected) in self._appends.items()
        )


class _CallLog(logging.LoggerAdapter[logging.Logger]):
    """Says in front of each line which call it is about."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        extra: Any = self.extra
        call: OperationCall = extra["call"]
        who = f"{call.extension or 'the host'}, job {call.job_id}" if call.job_id else call.extension or "the host"
        return f"{extra['operation']} for {who}: {msg}", kwargs
