"""``perdure log backup``, ``restore``, ``compact`` and ``upgrade``: the log's files as a whole."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from perdure.cli.check_process import check_in_child
from perdure.cli.invocation import Invocation
from perdure.cli.terminal_text import counted, local_time, size
from perdure.runtime import perdure_version
from perdure.store.backups.backup import BackupReport, make_backup
from perdure.store.backups.restore import RestoreReport, restore_backup
from perdure.store.compaction import compact as compact_log
from perdure.store.errors import OldFormat, StoreMissing
from perdure.store.lmdb_environment import FORMAT
from perdure.store.lmdb_store import LmdbEventStore

_WITHOUT_KEYS: Final = (
    "the keys are not in it: what is sealed (credentials, sensitive payloads) can only be read where {keys} is; "
    "--keys puts them in, and whoever has the backup then has them"
)
_WITH_KEYS: Final = (
    "the keys are in it: keep it as you keep the data folder; a key that is destroyed later is still there. A master "
    "key from the system's keyring, or of a program, is not in it"
)

Target = Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder, or one with an earlier backup.")]
Keys = Annotated[bool, typer.Option("--keys", metavar="", help="Put the keys in, with which sealed data can be read.")]
Backup = Annotated[Path, typer.Argument(metavar="BACKUP", help="The backup's folder.")]
NewFolder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The new data folder: not there yet, or empty.", show_default=False)
]
Hold = Annotated[
    bool, typer.Option("--hold", metavar="", help="Pause every unfinished job, so that a person decides about each.")
]


def backup(invocation: Invocation, target: Target, keys: Keys = False) -> None:
    """Save the log and its blobs, checked, while another process may go on working.

    In the folder of an earlier backup only new blobs are copied; that one counts until this one does.
    """
    report = make_backup(invocation.data, target, now=_now(), perdure=perdure_version(), keys=keys)
    if invocation.json:
        invocation.output.json(msgspec.to_builtins(report))
        return
    invocation.output.say(_saved(report))
    folder = invocation.data / "keys"
    if folder.exists():  # else nothing was ever sealed
        invocation.output.say(_WITH_KEYS if keys else _WITHOUT_KEYS.format(keys=folder))


def _saved(report: BackupReport) -> str:
    return (
        f"{counted(report.events, 'event')} up to position {report.position} saved in {report.path} and checked: "
        f"{size(report.log_bytes)} of log, {counted(report.blobs, 'blob')}, of them {report.new_blobs:,} new with "
        f"{size(report.new_bytes)}"
    )


def restore(invocation: Invocation, source: Backup, target: NewFolder, hold: Hold = False) -> None:
    """Make a data folder of a backup, after checking it.

    What happened after the backup is forgotten there, also what jobs did outside: unfinished ones do it again.
    """
    report = restore_backup(source, target, check=check_in_child, clock=_now, hold=hold)
    if invocation.json:
        invocation.output.json(msgspec.to_builtins(report))
        return
    for line in _restored(report, hold=hold):
        invocation.output.say(line)


def _restored(report: RestoreReport, *, hold: bool) -> list[str]:
    restored = f"{counted(report.events, 'event')} and {counted(report.blobs, 'blob')} restored in {report.path}"
    lines = [f"{restored}, as they were at {local_time(report.saved_at)} (position {report.position})"]
    if not report.keys:
        lines.append(f"the backup has no keys: what is sealed cannot be read until they are in {report.path}/keys")
    lines.append(f"what happened after that, also outside, is not known here; {_unfinished(report, hold=hold)}")
    lines.append("do not work on the folder that was saved any more: the same jobs would run in both")
    return lines


def _unfinished(report: RestoreReport, *, hold: bool) -> str:
    if not report.unfinished:
        return "no job was unfinished"
    jobs = counted(report.unfinished, "unfinished job")
    if hold:
        return f"of {jobs} {report.held:,} were paused now, and wait for 'perdure jobs resume'"
    return (
        f"{jobs} will go on when the folder is next worked on, and do again what they did since; "
        "restore with --hold to have them paused"
    )


def compact(invocation: Invocation) -> None:
    """Make the log's file smaller by what was deleted from it. No other process may have it open."""
    report = compact_log(invocation.data)
    if invocation.json:
        invocation.output.json({"before": report.before, "after": report.after, "saved": report.saved})
    else:
        invocation.output.say(
            f"the log's file had {size(report.before)} and has {size(report.after)}: {size(report.saved)} saved"
        )


def upgrade(invocation: Invocation) -> None:
    """Bring a log that an older perdure wrote to the present format; older versions cannot read it any more then."""
    if not (invocation.data / "log" / "data.mdb").exists():
        raise StoreMissing(invocation.data)
    found, known = _formats(invocation.data)
    LmdbEventStore.open(invocation.data).close()
    if invocation.json:
        invocation.output.json({"from": found, "to": known})
    elif found == known:
        invocation.output.say(f"the log in {invocation.data} has the present format, {known}; nothing was changed")
    else:
        invocation.output.say(f"the log in {invocation.data} was brought from format {found} to {known}")


def _formats(folder: Path) -> tuple[int, int]:
    """The log's format, and the present one."""
    try:
        LmdbEventStore.open_readonly(folder).close()
    except OldFormat as error:
        return error.found, error.known
    return FORMAT, FORMAT


def _now() -> int:
    return time.time_ns() // 1000
