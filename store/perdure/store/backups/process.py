"""Making a backup in a process of its own: the one that works on the folder has it open, and must not wait for it.

``python -m perdure.store.backups.process`` reads an `Order` from its input and prints an `Outcome`, both as JSON.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from perdure.store.backups.backup import BackupReport, make_backup
from perdure.store.backups.errors import BackupFailed
from perdure.store.errors import DiskFull, StoreError


class Order(msgspec.Struct, frozen=True):
    """What the child is to do; see `make_backup`."""

    data: str
    target: str
    now: int
    perdure: str
    keys: bool


class Outcome(msgspec.Struct, frozen=True):
    """What came of it: a report, or the error's name and text."""

    report: BackupReport | None = None
    error: str = ""
    text: str = ""


def backup_in_child(order: Order) -> BackupReport:
    """Make a backup, while this process goes on.

    Raises:
        DiskFull: there is no room for it.
        BackupFailed: anything else; the error says what. In either case what was there before counts.
    """
    target = Path(order.target)
    command = [sys.executable, "-P", "-m", "perdure.store.backups.process"]
    try:
        done = subprocess.run(  # noqa: S603  # ourselves
            command, input=msgspec.json.encode(order), capture_output=True, check=False
        )
    except OSError as error:
        raise BackupFailed(target, f"{sys.executable} cannot be run: {error}") from error
    if done.returncode < 0:
        raise BackupFailed(target, f"its process was ended by {signal.Signals(-done.returncode).name}")
    try:
        outcome = msgspec.json.decode(done.stdout, type=Outcome)
    except msgspec.MsgspecError:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise BackupFailed(target, f"its process ended with {done.returncode}: {said}") from None
    if outcome.report is not None:
        return outcome.report
    raise DiskFull(target) if outcome.error == DiskFull.__name__ else BackupFailed(target, outcome.text)


def main(order: Order) -> Outcome:
    """The child's part."""
    try:
        report = make_backup(
            Path(order.data), Path(order.target), now=order.now, perdure=order.perdure, keys=order.keys
        )
    except StoreError as error:
        return Outcome(error=type(error).__name__, text=str(error))
    return Outcome(report=report)


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(main(given)))
