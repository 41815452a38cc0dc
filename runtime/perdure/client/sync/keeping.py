"""Keeping the log, and who may use the server."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from perdure.client.calls import keeping as calls
from perdure.client.calls import tokens as token_calls
from perdure.client.sync.calling import Calling
from perdure.runtime.access.tokens import IssuedToken, Token
from perdure.runtime.seals.sealed_log import Seal
from perdure.runtime.secrets.erasure import Erasure

if TYPE_CHECKING:
    from perdure.runtime.retention.retention import FoldReport
    from perdure.store.backups.backup import BackupReport


class KeepingMethods(Calling):
    """How `Client` keeps the log, and lets others in."""

    def backup(self, path: str | os.PathLike[str], *, keys: bool = False) -> BackupReport:
        """See `Runtime.backup`; the folder is one of the server's machine."""
        return self._do(calls.backup(path, keys))

    def fold_jobs(self, older_than: timedelta, *, job_type: str | None = None, dry_run: bool = False) -> FoldReport:
        """See `Runtime.fold_jobs`."""
        return self._do(calls.fold_jobs(older_than, job_type, dry_run))

    def trim_machine_code(self, newest: int) -> int:
        """See `Runtime.trim_machine_code`."""
        return self._do(calls.trim_machine_code(newest))

    def rotate_master_key(self, master_key: bytes | None = None) -> str:
        """See `Runtime.rotate_master_key`."""
        return self._do(calls.rotate_master_key(master_key))

    def waiting_for_unlock(self) -> dict[UUID, str]:
        """See `Runtime.waiting_for_unlock`."""
        return self._do(calls.waiting_for_unlock())

    def erasure(self, *, extension: str | None = None, library_id: UUID | None = None) -> Erasure:
        """See `Runtime.erasure`."""
        return self._do(calls.erasure(extension, library_id))

    def erase(self, *, extension: str | None = None, library_id: UUID | None = None, by: str = "python") -> Erasure:
        """See `Runtime.erase`."""
        return self._do(calls.erase(extension, library_id, by))

    def seal(self) -> Seal:
        """See `Runtime.seal`."""
        return self._do(calls.seal())

    def rotate_seal_key(self) -> bytes:
        """See `Runtime.rotate_seal_key`."""
        return self._do(calls.rotate_seal_key())

    # --- tokens -------------------------------------------------------------------------------------------------------

    def issue_token(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        libraries: Iterable[UUID | str] = (),
        extensions: Iterable[str] = (),
        lifetime: timedelta | None = None,
        by: str = "python",
    ) -> IssuedToken:
        """See `Runtime.issue_token`; the digest of the secret does not leave the server."""
        return self._do(token_calls.issue(name, scopes, libraries, extensions, lifetime, by))

    def revoke_token(self, token: str, *, by: str = "python") -> Token:
        """See `Runtime.revoke_token`."""
        return self._do(token_calls.revoke(token, by))

    def tokens(self) -> list[Token]:
        """See `Runtime.tokens`; without digests."""
        return self._do(token_calls.every())
