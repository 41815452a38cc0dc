"""The facts that host calls state, from what the guest handed over: pure, so that a replay makes the very same."""

from __future__ import annotations

from perdure.store.blobs import digest_of
from perdure.store.events import INLINE_LIMIT, BlobRef, Inline, LogWritten, Payload, ProgressReported


def log_written(call: int, fuel: int, level: int, message: str) -> LogWritten:
    """A line of the log; a level beyond 0 to 3 is the nearest of them."""
    return LogWritten(call, fuel, min(max(level, 0), 3), message)


def progress_reported(call: int, fuel: int, progress: float, message: str) -> ProgressReported:
    """A fraction, clamped to 0.0 to 1.0; NaN counts as 0.0."""
    fraction = 0.0 if progress != progress else min(max(float(progress), 0.0), 1.0)  # noqa: PLR0124  # NaN alone differs
    return ProgressReported(call, fuel, fraction, message)


def payload_of(data: bytes) -> Payload:
    """What `perdure.store.blobs.store_payload` makes of ``data``, without storing anything."""
    return Inline(data) if len(data) <= INLINE_LIMIT else BlobRef(digest_of(data), len(data))
