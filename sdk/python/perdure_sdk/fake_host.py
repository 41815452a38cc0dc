"""The host of a test: it remembers what it was asked, and answers as it was told to."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol
from uuid import UUID

from perdure_sdk.errors import (
    CallError,
    InvalidPayload,
    LibraryDenied,
    PermissionDenied,
    RateLimited,
    UnknownMethod,
)
from perdure_sdk.extension import Extension
from perdure_sdk.host import Level, Signal
from perdure_sdk.job_events import (
    BytesCounted,
    Called,
    CheckpointSaved,
    Event,
    ItemsCounted,
    LogWritten,
    ProgressReported,
    WarningAdded,
)
from perdure_sdk.shapes import to_json

MINUTE: Final = 60.0  # seconds; when a budget of requests has room again
_WIRE: Final = re.compile(r"(\.input|\.output)?\.v[0-9]+$")
_MOST_BYTES: Final = 1_024
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class World(Protocol):
    """What a test says of the world."""

    @property
    def interrupt_at(self) -> int | None:
        """At which check the job is to end."""

    @property
    def interrupt(self) -> Literal["pause", "cancel"]:
        """What it is told then."""

    @property
    def requests(self) -> int | None:
        """How many calls its budget has room for."""

    @property
    def library_id(self) -> UUID:
        """The job's library."""

    @property
    def now(self) -> dt.datetime:
        """The time."""

    @property
    def seed(self) -> bytes:
        """What `random.bytes` begins with."""


class FakeHost:
    """A `Host`. ``events`` is what it was asked, in order."""

    def __init__(self, extension: Extension, operations: Mapping[str, Any], world: World) -> None:
        self.events: list[Event] = []
        self._extension = extension
        self._operations = {**own_operations(world.now, world.seed), **operations}
        self._world = world
        self._checks = 0
        self._calls = 0

    def call(self, method: str, library_id: str | None, payload: str) -> str:
        """Answer a call as a host would: permissions, libraries and budgets first."""
        given = json.loads(payload)
        try:
            self._admit(method, library_id)
            answer = answer_of(self._operations[_bare(method)], given)
        except CallError as error:
            said = error_answer(error)
            self.events.append(Called(method, given, said, error.code, library_id))
            raise type(error)(
                error.message, method=method, code=error.code, retry_after=error.retry_after, answer=said
            ) from None
        self.events.append(Called(method, given, answer, "", library_id))
        return json.dumps(answer)

    def log(self, level: Level, message: str) -> None:
        """Remember a line."""
        self.events.append(LogWritten(level, message))

    def report_progress(self, fraction: float, message: str) -> None:
        """Remember a report, in the 32 bits that it has on its way."""
        self.events.append(ProgressReported(struct.unpack("<f", struct.pack("<f", fraction))[0], message))

    def checkpoint(self, state: str) -> bool:
        """Remember a state."""
        self.events.append(CheckpointSaved(json.loads(state)))
        return True

    def check_interrupt(self) -> Signal:
        """Say whether to go on."""
        self._checks += 1
        at = self._world.interrupt_at
        return self._world.interrupt if at is not None and self._checks >= at else "proceed"

    def add_warning(self, message: str) -> None:
        """Remember a warning."""
        self.events.append(WarningAdded(message))

    def increment_bytes(self, count: int) -> None:
        """Remember a count."""
        self.events.append(BytesCounted(count))

    def increment_items(self, count: int) -> None:
        """Remember a count."""
        self.events.append(ItemsCounted(count))

    def _admit(self, method: str, library_id: str | None) -> None:
        name, extension = _bare(method), self._extension
        if not method.startswith(("query:", "action:")):
            raise UnknownMethod("there is no such operation; names are query:… or action:…")
        if not any(_allows(entry, name) for entry in extension.methods):
            raise PermissionDenied(f"{name} is not granted; the manifest has to ask for it, and a person to agree")
        library = library_id or str(self._world.library_id)
        if extension.libraries is not None and not {"*", library} & set(extension.libraries):
            raise LibraryDenied(f"library {library} is not granted; the manifest has to ask for it")
        self._calls += 1
        requests = self._world.requests
        if requests is not None and self._calls > requests:
            raise RateLimited("the budget of requests is used up", retry_after=MINUTE)
        if name not in self._operations:
            raise UnknownMethod(f"there is no operation {name}; give run_job(…, operations={{{name!r}: …}})")


def own_operations(now: dt.datetime, seed: bytes) -> dict[str, Callable[[Any], Any]]:
    """The operations that answer by themselves in a test."""
    drawn = iter(lambda: seed, None)

    def tell(payload: Any) -> dict[str, Any]:
        microseconds = (now - _EPOCH) // dt.timedelta(microseconds=1)
        return {
            "unix_ns": microseconds * 1_000,
            "utc": f"{now.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z",
        }

    def draw(payload: Any) -> dict[str, Any]:
        count = payload.get("count")
        if not isinstance(count, int) or not 1 <= count <= _MOST_BYTES:
            raise InvalidPayload("count is 1 to 1024")
        found = b""
        while len(found) < count:
            found += next(drawn)
        return {"bytes": base64.b64encode(found[:count]).decode()}

    return {"query:clock.now": tell, "query:random.bytes": draw}


def answer_of(fake: Any, payload: Any) -> Any:
    """What a fake answers, as JSON says it.

    Raises:
        CallError: an error is the answer.
        StateError: the answer cannot be said in JSON.
    """
    answer = fake
    if isinstance(fake, type) and issubclass(fake, CallError):
        raise fake("the test says so")
    if not isinstance(fake, CallError) and callable(fake):
        answer = fake(payload)
    if isinstance(answer, type) and issubclass(answer, CallError):
        raise answer("the test says so")
    if isinstance(answer, CallError):
        raise answer
    return to_json(answer, "answer")


def error_answer(error: CallError) -> dict[str, Any]:
    """An error as a host answers it."""
    answer: dict[str, Any] = {"error": error.message, "code": error.code}
    if error.retry_after is not None:
        answer["retry_after_ms"] = round(error.retry_after * 1_000)
    return answer


def _bare(name: str) -> str:
    """A name without its wire suffix."""
    return _WIRE.sub("", name)


def _allows(entry: str, name: str) -> bool:
    """Whether an entry of ``methods`` allows an operation, as the contract says."""
    if entry.endswith((":", ".", "*")):
        return name.startswith(entry.removesuffix("*"))
    return _bare(entry) == name
