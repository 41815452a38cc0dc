"""Keeping the log: its backups, what is folded and erased, its seals and the keys."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from perdure.runtime.facade.parts import Parts
from perdure.runtime.retention.retention import FoldReport
from perdure.runtime.seals.sealed_log import Seal
from perdure.runtime.secrets.erasure import Erasure
from perdure.runtime.version import perdure_version
from perdure.store.backups.backup import BackupReport
from perdure.store.backups.process import Order, backup_in_child
from perdure.store.lmdb_store import LmdbEventStore


class KeepingFacade(Parts):
    """How `Runtime` keeps its log."""

    def backup(self, path: str | os.PathLike[str], *, keys: bool = False) -> BackupReport:
        """Save the log and its blobs in ``path``, checked, while this runtime goes on. Durable.

        A process of its own does it (`sys.executable`), so nothing here waits for it. See `make_backup`.

        Args:
            path: a new folder, or one with an earlier backup, of which only what changed is copied.
            keys: whether the keys go with it; without them nobody can read what they seal.

        Raises:
            DiskFull: there is no room for it.
            BackupFailed: anything else. In either case an earlier backup there still counts.
            TypeError: the log is in memory.
        """
        self._check()
        if not isinstance(self.store, LmdbEventStore):
            raise TypeError("a log in memory has no backup")
        target = str(Path(path).absolute())
        return backup_in_child(
            Order(str(self.store.path.absolute()), target, self.clock.now(), perdure_version(), keys)
        )

    def fold_jobs(self, older_than: timedelta, *, job_type: str | None = None, dry_run: bool = False) -> FoldReport:
        """Fold the jobs that ended longer ago than that: their events are removed for good, a summary stays. Durable.

        A folded job is still listed and shown, with the hash of its last event; its history, `verify` and `fork` raise
        `JobIsFolded`, and it cannot be retried. Its id and its idempotency key stay taken. Blobs that nothing names any
        more are removed too, once nothing has named them for a day.

        Args:
            older_than: how long ago a job has to have ended.
            job_type: only jobs of this type, as ``name`` or ``extension:name``.
            dry_run: only count them.

        Raises:
            InvalidRetention: ``older_than`` is negative, or more than a century.
            StoreError: the log cannot be read or written; what was done is.
        """
        self._check()
        return self._retention.fold_jobs(older_than, job_type, dry_run=dry_run)

    def trim_machine_code(self, newest: int) -> int:
        """Delete the machine code of all modules but the ``newest`` that were compiled; returns how many there were.

        For whoever installs new versions all day. Jobs that run go on; a module whose machine code is gone is compiled
        again when it is next needed.
        """
        self._check()
        return self._cache.forget_but(newest)

    # --- secrets ------------------------------------------------------------------------------------------------------

    def rotate_master_key(self, master_key: bytes | None = None) -> str:
        """Wrap all keys with a new master key, and forget the old one; returns the new one's id. Durable, crash-safe.

        Args:
            master_key: the new key, if this program keeps it itself; the next `open` has to be given it then. None: it
                is made here, and kept in the system's keyring where there is one, else in the data folder.

        Raises:
            SecretsError: the old key is not to be had, or the new one cannot be one. Nothing was changed.
        """
        self._check()
        return self.keychain.rotate(master_key)

    def waiting_for_unlock(self) -> dict[UUID, str]:
        """The jobs that are suspended because credentials are locked, each with the extension whose they are.

        They go on when somebody unlocks those (``action:credentials.unlock``, docs/secrets.md), or takes the passphrase
        away. Known of the jobs that came to it in this process.
        """
        self._check()
        return self._system.locked.all()

    def erasure(self, *, extension: str | None = None, library_id: UUID | None = None) -> Erasure:
        """What `erase` would take along. Errors as for `erase`."""
        self._check()
        return self._eraser.plan(extension, library_id)

    def erase(self, *, extension: str | None = None, library_id: UUID | None = None, by: str = "python") -> Erasure:
        """Make all that an extension called with secrets unreadable, or all that was called so in a library, for good.

        Its keys are destroyed, those of its credentials too (docs/secrets.md). What happened, when and by whom, stays
        in the log, whose chain and seals stay whole. Durable, crash-safe.

        Args:
            extension: whose; None: everybody's, also the host's own.
            library_id: the library in which; None: all, and what was called outside of libraries. One of the two at
                least has to be given.
            by: who decides, for the log.

        Raises:
            ErasureRefused: jobs of it that have not ended may need what is to be erased. Nothing was erased.
            ValueError: neither is given.
            SecretsError, StoreError: the keys or the log cannot be used.
        """
        self._check()
        return self._eraser.erase(extension, library_id, by)

    # --- seals --------------------------------------------------------------------------------------------------------

    def seal(self) -> Seal:
        """State how every stream of the log ends, and sign that (docs/seals.md). Durable.

        It is done by itself each `RuntimeSettings.seal_interval`. If nothing has changed, the last seal is the answer.

        Raises:
            SealKeyLost, SecretsError: the key that signs cannot be used; nothing was sealed.
            InvalidSeal, StoreError: the log, or a seal in it, is damaged, or the seal could not be stored.
        """
        self._check()
        return self._sealer.seal()

    def rotate_seal_key(self) -> bytes:
        """Introduce a new key for seals, signed by the one before; returns the public key. Durable, crash-safe.

        What the old key signed stays checkable. If its private part is lost, a new line of keys begins.

        Raises:
            SecretsError, StoreError: as for `seal`.
        """
        self._check()
        return self._sealer.rotate()
