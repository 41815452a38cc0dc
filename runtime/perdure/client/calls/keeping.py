"""Keeping the log: seals, backups, what is folded and erased, and the keys."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from perdure.api import keeping
from perdure.api.keeping import (
    Erase,
    FoldJobs,
    MakeBackup,
    Nothing,
    PlanErasure,
    RotateMasterKey,
    TrimMachineCode,
    backup_of,
    fold_of,
    seal_of,
)
from perdure.client.calls.call import Call
from perdure.client.calls.said import LONG, said
from perdure.runtime.seals.sealed_log import Seal
from perdure.runtime.secrets.erasure import Erasure

if TYPE_CHECKING:
    from perdure.runtime.retention.retention import FoldReport
    from perdure.store.backups.backup import BackupReport


def backup(path: str | os.PathLike[str], keys: bool) -> Call[BackupReport]:
    """Save the log in a folder of the server's machine."""
    return Call(keeping.BACKUP, MakeBackup(path=str(Path(path).absolute()), keys=keys), backup_of, LONG)


def fold_jobs(older_than: timedelta, job_type: str | None, dry_run: bool) -> Call[FoldReport]:
    """Fold jobs that ended long ago."""
    request = FoldJobs(older_than_seconds=older_than.total_seconds(), job_type=job_type, dry_run=dry_run)
    return Call(keeping.FOLD, request, fold_of, LONG)


def trim_machine_code(newest: int) -> Call[int]:
    """Delete machine code that is seldom needed."""
    return Call(keeping.TRIM, TrimMachineCode(newest=newest), lambda done: int(done.modules))


def rotate_master_key(master_key: bytes | None) -> Call[str]:
    """Wrap all keys with a new one."""
    return Call(keeping.ROTATE_MASTER_KEY, RotateMasterKey(master_key=master_key), lambda new: str(new.id), LONG)


def waiting_for_unlock() -> Call[dict[UUID, str]]:
    """The jobs that wait because credentials are locked."""
    return Call(keeping.LOCKED, Nothing(), lambda found: {job.job_id: job.extension for job in found})


def erasure(extension: str | None, library_id: UUID | None) -> Call[Erasure]:
    """What an erasure would take along."""
    return Call(keeping.ERASURE, PlanErasure(extension=extension, library_id=library_id), lambda found: found)


def erase(extension: str | None, library_id: UUID | None, by: str) -> Call[Erasure]:
    """Do it."""
    request = Erase(extension=extension, library_id=library_id, by=said(by))
    return Call(keeping.ERASE, request, lambda found: found, LONG)


def seal() -> Call[Seal]:
    """Seal the log."""
    return Call(keeping.SEAL, Nothing(), seal_of, LONG)


def rotate_seal_key() -> Call[bytes]:
    """Introduce a new key for seals."""
    return Call(keeping.ROTATE_SEAL_KEY, Nothing(), lambda new: bytes.fromhex(new.key), LONG)
