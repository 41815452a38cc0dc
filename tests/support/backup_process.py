"""Processes that make a backup, restore one or compact a log, and die or stop at a failpoint. See `store_process`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.support.job_events import Ticks
from tests.support.store_process import StoreProcess, orders, outcome, say

from perdure.store import LmdbEventStore, check, failpoints
from perdure.store.backups.backup import make_backup
from perdure.store.backups.restore import restore_backup
from perdure.store.compaction import compact
from perdure.store.integrity import Report


class BackupProcess(StoreProcess):
    """A child that runs one of the roles below."""

    module = "tests.support.backup_process"


def check_folder(folder: Path) -> Report:
    """What a check of the log in ``folder`` finds."""
    with LmdbEventStore.open_readonly(folder) as store:
        return check(store)


def _die() -> None:
    say("dying")
    os.kill(os.getpid(), signal.SIGKILL)


def back_up(data: str, target: str, failpoint: str) -> None:
    """Make a backup, and die at a failpoint."""
    failpoints.arm(failpoint, _die)
    say(outcome(lambda: make_backup(Path(data), Path(target), now=1, perdure="test")))


def restore(backup: str, target: str, failpoint: str) -> None:
    """Restore a backup, and die at a failpoint."""
    failpoints.arm(failpoint, _die)
    say(outcome(lambda: restore_backup(Path(backup), Path(target), check=check_folder, clock=Ticks())))


def compact_and_die(data: str, failpoint: str) -> None:
    """Compact a log, and die at a failpoint."""
    failpoints.arm(failpoint, _die)
    say(outcome(lambda: compact(Path(data))))


def compact_in_steps(data: str) -> None:
    """Compact a log; say ``ready`` before the new file takes the old one's place, and wait for an order."""

    def wait() -> None:
        next(orders())

    failpoints.arm("compact.before_swap", wait)
    say(outcome(lambda: compact(Path(data))))


def follow_positions(folder: str) -> None:
    """Say how many events there are, then at each order the last position."""
    with LmdbEventStore.open_readonly(folder) as store:
        say(sum(1 for _ in store.read_all()))
        for _ in orders():
            say(store.position())


ROLES: Final[dict[str, Callable[..., None]]] = {
    role.__name__: role for role in (back_up, restore, compact_and_die, compact_in_steps, follow_positions)
}

if __name__ == "__main__":
    ROLES[sys.argv[1]](*sys.argv[2:])
