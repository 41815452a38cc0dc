"""Keeping the log, and who may use the server."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from perdure.client.asynchronous.calling import Calling
from perdure.client.calls import keeping as calls
from perdure.client.calls import tokens as token_calls
from perdure.runtime.access.tokens import IssuedToken, Token
from perdure.runtime.seals.sealed_log import Seal
from perdure.runtime.secrets.erasure import Erasure

if TYPE_CHECKING:
    from perdure.runtime.retention.retention import FoldReport
    from perdure.store.backups.backup import BackupReport


class KeepingMethods(Calling):
    """How `AsyncClient` keeps the log, and lets others in."""

    async def backup(self, path: str | os.PathLike[str], *, keys: bool = False) -> BackupReport:
        """See `Runtime.backup`; the folder is one of the server's machine."""
        return await self._do(calls.backup(path, keys))

    async def fold_jobs(
        self, older_than: timedelta, *, job_type: str | None = None, dry_run: bool = False
    ) -> FoldReport:
        """See `Runtime.fold_jobs`."""
        return await self._do(calls.fold_jobs(older_than, job_type, dry_run))

    async def trim_machine_code(self, newest: int) -> int:
        """See `Runtime.trim_machine_code`."""
        return await self._do(calls.trim_machine_code(newest))

    async def rotate_master_key(self, master_key: bytes | None = None) -> str:
        """See `Runtime.rotate_master_key`."""
        return await self._do(calls.rotate_master_key(master_key))

    async def waiting_for_unlock(self) -> dict[UUID, str]:
        """See `Runtime.waiting_for_unlock`."""
        return await self._do(calls.waiting_for_unlock())

    async def erasure(self, *, extension: str | None = None, library_id: UUID | None = None) -> Erasure:
        """See `Runtime.erasure`."""
        return await self._do(calls.erasure(extension, library_id))

    async def erase(
        self, *, extension: str | None = None, library_id: UUID | None = None, by: str = "python"
    ) -> Erasure:
        """See `Runtime.erase`."""
        return await self._do(calls.erase(extension, library_id, by))

    async def seal(self) -> Seal:
        """See `Runtime.seal`."""
        return await self._do(calls.seal())

    async def rotate_seal_key(self) -> bytes:
        """See `Runtime.rotate_seal_key`."""
        return await self._do(calls.rotate_seal_key())

    # --- tokens -------------------------------------------------------------------------------------------------------

    async def issue_token(
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
        return await self._do(token_calls.issue(name, scopes, libraries, extensions, lifetime, by))

    async def revoke_token(self, token: str, *, by: str = "python") -> Token:
        """See `Runtime.revoke_token`."""
        return await self._do(token_calls.revoke(token, by))

    async def tokens(self) -> list[Token]:
        """See `Runtime.tokens`; without digests."""
        return await self._do(token_calls.every())
