"""What a job did in a test: one event for each thing that it asked of its host."""

from __future__ import annotations

import dataclasses
from typing import Any

from perdure_sdk.host import Level


@dataclasses.dataclass(frozen=True)
class ProgressReported:
    """``fraction`` is from 0.0 to 1.0, as exact as the 32 bits that it is sent in."""

    fraction: float
    message: str


@dataclasses.dataclass(frozen=True)
class CheckpointSaved:
    """``state`` is as JSON says it."""

    state: Any


@dataclasses.dataclass(frozen=True)
class WarningAdded:
    """A warning."""

    message: str


@dataclasses.dataclass(frozen=True)
class LogWritten:
    """A line of the log."""

    level: Level
    message: str


@dataclasses.dataclass(frozen=True)
class ItemsCounted:
    """Items."""

    count: int


@dataclasses.dataclass(frozen=True)
class BytesCounted:
    """Bytes."""

    count: int


@dataclasses.dataclass(frozen=True)
class Called:
    """An operation. ``code`` is empty if it succeeded; else ``answer`` is ``{"error": …, "code": …}``.

    ``library_id`` is None for the job's own library.
    """

    method: str
    payload: Any
    answer: Any
    code: str
    library_id: str | None


Event = ProgressReported | CheckpointSaved | WarningAdded | LogWritten | ItemsCounted | BytesCounted | Called
