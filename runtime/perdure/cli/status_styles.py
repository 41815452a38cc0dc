"""The colours of the statuses on a terminal."""

from __future__ import annotations

from typing import Final

from perdure.store.lifecycle import Status

STYLES: Final[dict[Status, str]] = {
    Status.RUNNING: "cyan",
    Status.COMPLETED: "green",
    Status.FAILED: "bold red",
    Status.CANCELLED: "yellow",
    Status.PAUSED: "yellow",
    Status.SUSPENDED: "yellow",
    Status.BACKOFF: "magenta",
    Status.ATTENTION: "bold magenta",
    Status.QUEUED: "dim",
    Status.COPYING: "dim",
}
