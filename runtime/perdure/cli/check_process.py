"""The integrity check, in a process of its own: reading a damaged page can kill the process that does it.

``python -m perdure.cli.check_process DIR [SEAL [KEY]]`` (empty for none) prints an `Outcome` as JSON.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from perdure.cli.error_codes import error_line, exit_code
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.runtime.seals.checking import SealWitness
from perdure.runtime.seals.errors import SealError
from perdure.runtime.vdfs.contents_check import check_contents
from perdure.store.errors import StoreError
from perdure.store.integrity import Report, check
from perdure.store.lmdb_store import LmdbEventStore


class Outcome(msgspec.Struct):
    """What the child found: a report, or why there is none, and the exit code for that."""

    report: Report | None = None
    error: str = ""
    code: int = 0


def check_in_child(
    folder: Path, timeout: float | None = None, *, seal: str | None = None, key: str | None = None
) -> Report:
    """Check the log in ``folder``; ``timeout`` in seconds; ``seal`` and ``key`` are names of files (`SealWitness`).

    Raises:
        CommandError: there is no log, it cannot be opened, or it is damaged so badly that reading it is fatal.
    """
    command = [sys.executable, "-P", "-m", "perdure.cli.check_process", str(folder), seal or "", key or ""]
    done = subprocess.run(command, capture_output=True, check=False, timeout=timeout)  # noqa: S603  # ourselves
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise CommandError(
            f"the log in {folder} is damaged: reading it ended the checking process with {name}; restore from a backup",
            ExitCode.STORE,
        )
    try:
        outcome = msgspec.json.decode(done.stdout, type=Outcome)
    except msgspec.MsgspecError as error:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise RuntimeError(f"the checking process ended with {done.returncode}: {said}") from error
    if outcome.report is None:
        raise CommandError(outcome.error, ExitCode(outcome.code))
    return outcome.report


def main(folder: str, seal: str = "", key: str = "") -> Outcome:
    """The child's part."""
    try:
        witness = SealWitness.of_files(Path(seal) if seal else None, Path(key) if key else None, Path(folder))
        with LmdbEventStore.open_readonly(folder) as store:
            report = check(store, witness)
            if not report.problems:  # else it may be its rows that are damaged, or its pages
                check_contents(store, report)
            return Outcome(report=report)
    except (StoreError, SealError) as error:
        return Outcome(error=error_line(error), code=exit_code(error))


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(main(*sys.argv[1:])))
