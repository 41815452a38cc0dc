"""What can go wrong with a backup; see `perdure.store.errors`."""

from __future__ import annotations

from pathlib import Path

from perdure.store.errors import StoreError


class NotABackup(StoreError):
    """The folder holds no backup that was finished, or something else."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} is not a backup: {reason}")


class BackupDamaged(StoreError):
    """What was copied is not what was written.

    ``problems`` are the first of those that the check found.
    """

    def __init__(self, path: Path, problems: tuple[str, ...], count: int) -> None:
        self.path, self.problems, self.count = path, problems, count
        more = f" (and {count - len(problems)} more)" if count > len(problems) else ""
        super().__init__(f"what {path} holds does not pass the check: {'; '.join(problems)}{more}; nothing was changed")


class FolderNotEmpty(StoreError):
    """A backup, or a data folder, can only be made where nothing is yet."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} {reason}; choose another folder")


class BackupFailed(StoreError):
    """The process that makes backups could not make this one."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"no backup was made in {path}: {reason}")
