"""What a job is given: its host, in the words of Python."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import random
import uuid
from collections.abc import Callable
from typing import Any, Final

from perdure_sdk.clients import StandardClients
from perdure_sdk.errors import CheckpointRefused, Interrupted, PermissionDenied, StateError
from perdure_sdk.host import Host, Level
from perdure_sdk.json_text import to_text
from perdure_sdk.shapes import to_json

LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "warn", "error")
_MOST: Final = 2**63 - 1  # what a host counts in one call
_SEED_BYTES: Final = 32


class ExtensionContext:
    """What an extension is given when it is loaded and unloaded."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def log(self, message: str, level: Level = "info") -> None:
        """Write a line to the log."""
        _log(self._host, message, level)


class JobContext(StandardClients):
    """A running job and its host.

    The operations that ship are methods of its clients, such as ``ctx.vdfs.write_sidecar(…)``; every operation can be
    called by its name with `call`.

    Attributes:
        job_id: the job's id.
        library_id: the library that it works in.
    """

    def __init__(
        self,
        host: Host,
        *,
        job_id: uuid.UUID,
        library_id: uuid.UUID,
        state: object = None,
        write: Callable[[object], str] | None = None,
    ) -> None:
        self._host = host
        self.job_id = job_id
        self.library_id = library_id
        self._state = state
        self._write = write if write is not None else _written
        self._random: random.Random | None = None

    @property
    def state(self) -> object:
        """The job's state: what it was given, or the last that `checkpoint` was."""
        return self._state

    # --- what people see ---------------------------------------------------------------------------------------------

    def log(self, message: str, level: Level = "info") -> None:
        """Write a line to the job's log.

        Args:
            message: for people.
            level: ``debug``, ``info``, ``warn`` or ``error``.
        """
        _log(self._host, message, level)

    def report_progress(self, fraction: float, message: str = "") -> None:
        """Report how much of the job is done.

        Args:
            fraction: from 0.0 to 1.0; what is outside is moved to the nearer end, NaN is 0.0.
            message: for people.
        """
        clamped = 0.0 if math.isnan(fraction) else min(max(float(fraction), 0.0), 1.0)
        self._host.report_progress(clamped, plain_text(message))

    def add_warning(self, message: str) -> None:
        """Add a warning to the job."""
        self._host.add_warning(plain_text(message))

    def increment_items(self, count: int = 1) -> None:
        """Count items that were worked on, 0 to 2^63 - 1 in one call."""
        self._host.increment_items(_count(count))

    def increment_bytes(self, count: int) -> None:
        """Count bytes that were worked on, 0 to 2^63 - 1 in one call."""
        self._host.increment_bytes(_count(count))

    # --- the state ---------------------------------------------------------------------------------------------------

    def checkpoint(self, state: object = None) -> None:
        """Save the state. When this returns, it is on disk, and the job goes on from there whatever happens.

        Args:
            state: what to save; the job's state if it is left out. From now on it is the job's state.

        Raises:
            CheckpointRefused: it could not be stored.
            StateError: it does not fit its type, or JSON cannot say it.
        """
        if state is not None:
            self._state = state
        if not self._host.checkpoint(self._write(self._state)):
            raise CheckpointRefused(
                "the host could not store the state: it is too large, or the disk is full; the host's log says which"
            )

    def check_interrupt(self) -> None:
        """Ask whether to go on. Call it as often as you like to be stopped: at each step of a loop.

        Saved is the job's state: the object that the job was given, or the last one that `checkpoint` was.

        Raises:
            Interrupted: the job is paused or cancelled, and its state is saved. Let it pass.
        """
        signal = self._host.check_interrupt()
        if signal == "proceed":
            return
        if self._state is not None:
            try:
                self.checkpoint()
            except (CheckpointRefused, StateError) as error:
                # It ends in any case; then it goes on from the checkpoint before.
                self.log(f"the state was not saved: {error}", "error")
        raise Interrupted(signal)

    # --- operations --------------------------------------------------------------------------------------------------

    def call(self, method: str, payload: object = None, *, library_id: uuid.UUID | str | None = None) -> Any:
        """Call an operation and wait for its answer.

        Args:
            method: such as ``query:vdfs.read_sidecar``; the manifest's ``methods`` have to allow it.
            payload: what the operation takes: a dict, a dataclass. None is an empty object.
            library_id: another library than the job's.

        Returns:
            The answer: what JSON says, most often a dict.

        Raises:
            CallError: the operation failed; there is a class for each code, such as `PermissionDenied`.
            StateError: the payload cannot be said in JSON.
        """
        text = to_text(to_json({} if payload is None else payload, "payload"), "payload")
        library = None if library_id is None else str(library_id)
        return json.loads(self._host.call(method, library, text))

    # --- the world outside, recorded ---------------------------------------------------------------------------------

    def now(self) -> dt.datetime:
        """The time in UTC, to the microsecond. It is recorded: when the job is run again, it is told the same.

        Raises:
            CallError: as for every operation; the manifest has to ask for ``query:clock.now``.
        """
        nanoseconds = self._outside("query:clock.now", {})["unix_ns"]
        return _EPOCH + dt.timedelta(microseconds=nanoseconds // 1_000)

    @property
    def random(self) -> random.Random:
        """Random numbers, from a seed of the host's that is recorded: the job, run again, draws the same.

        Raises:
            CallError: as for every operation, when it is first used; the manifest has to ask for
                ``query:random.bytes``.
        """
        if self._random is None:
            answer = self._outside("query:random.bytes", {"count": _SEED_BYTES})
            self._random = random.Random(base64.b64decode(answer["bytes"]))  # noqa: S311  # for what needs no secrecy
        return self._random

    def uuid4(self) -> uuid.UUID:
        """A random UUID, out of `random`."""
        return uuid.UUID(int=self.random.getrandbits(128), version=4)

    def _outside(self, method: str, payload: dict[str, Any]) -> Any:
        try:
            return self.call(method, payload)
        except PermissionDenied as error:
            error.add_note(f"put {method!r} into methods=[…] of the Extension")
            raise


_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def plain_text(message: object) -> str:
    """A message that can be said in UTF-8: half a surrogate pair becomes a question mark."""
    text = message if isinstance(message, str) else str(message)
    return text.encode("utf-8", "replace").decode("utf-8")


def _written(state: object) -> str:
    return to_text(to_json(state, "state"), "state")


def _log(host: Host, message: str, level: Level) -> None:
    if level not in LEVELS:
        raise ValueError(f"the level is {level!r}, it must be debug, info, warn or error")
    host.log(level, plain_text(message))


def _count(count: int) -> int:
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"a count is an integer, not {type(count).__name__}")
    if not 0 <= count <= _MOST:
        raise ValueError(f"a count is 0 to 2^63 - 1, not {count}")
    return count
