"""Keeping the log: seals, backups, what is folded and erased, and the keys."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from perdure.api.endpoint import Endpoint
from perdure.api.extensions import By, ExtensionId
from perdure.api.scopes import Scope
from perdure.api.twins import twin_of
from perdure.runtime.seals.sealed_log import Seal
from perdure.runtime.secrets.erasure import Erasure

if TYPE_CHECKING:
    from perdure.runtime.retention.retention import FoldReport
    from perdure.store.backups.backup import BackupReport


class StatementShape(msgspec.Struct, frozen=True, kw_only=True):
    """What a seal states (docs/seals.md); digests and keys in hexadecimal digits."""

    log: str
    position: int
    streams: int
    root: str
    time: datetime
    previous: str
    key: str


class SealShape(msgspec.Struct, frozen=True, kw_only=True):
    """A signed statement of how every stream of the log ends; ``signature`` is Ed25519, in hexadecimal digits."""

    statement: StatementShape
    signature: str
    sequence: int
    at: int


def seal_of(shape: SealShape) -> Seal:
    """The seal that it was made of."""
    return twin_of(shape, Seal)


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key, in hexadecimal digits."""

    key: str


class MasterKeyId(msgspec.Struct, frozen=True, kw_only=True):
    """Which master key holds from now on."""

    id: str


class BackupShape(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds; see `perdure.store.backups.backup.BackupReport`. Sizes in bytes."""

    path: str
    position: int
    saved_at: datetime
    events: int
    unfinished: int
    log_bytes: int
    blobs: int
    new_blobs: int
    new_bytes: int
    keys: int


def backup_of(shape: BackupShape) -> BackupReport:
    """The report that it was made of."""
    from perdure.store.backups.backup import BackupReport  # noqa: PLC0415  # loads the store

    return twin_of(shape, BackupReport)


class FoldShape(msgspec.Struct, frozen=True, kw_only=True):
    """What was folded, or would be; see `perdure.runtime.FoldReport`. Sizes in bytes."""

    jobs: int
    events: int
    bytes: int
    damaged: int
    blobs: int
    blob_bytes: int


def fold_of(shape: FoldShape) -> FoldReport:
    """The report that it was made of."""
    from perdure.runtime.retention.retention import FoldReport  # noqa: PLC0415  # loads what runs jobs

    return twin_of(shape, FoldReport)


class Trimmed(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many modules machine code was deleted."""

    modules: int


class WaitingJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that waits because credentials of an extension are locked."""

    job_id: UUID
    extension: str


# --- requests --------------------------------------------------------------------------------------------------------


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """There is nothing to say."""


class MakeBackup(msgspec.Struct, frozen=True, kw_only=True):
    """Save the log and its blobs in ``path``, a folder of the server's machine.

    It may be new, or hold an earlier backup. With ``keys`` the keys go with it; without them nobody can read what they
    seal.
    """

    path: Annotated[str, Meta(min_length=1, max_length=4096)]
    keys: bool = False


class FoldJobs(msgspec.Struct, frozen=True, kw_only=True):
    """Fold the jobs that ended longer ago than that: their events are removed for good, a summary stays."""

    older_than_seconds: Annotated[float, Meta(description="How long ago a job has to have ended.")]
    job_type: str | None = None
    dry_run: bool = False


class Erase(msgspec.Struct, frozen=True, kw_only=True):
    """Make all that an extension called with secrets unreadable, or all that was called so in a library, for good."""

    extension: ExtensionId | None = None
    library_id: UUID | None = None
    by: By = None


class PlanErasure(msgspec.Struct, frozen=True, kw_only=True):
    """What `Erase` would take along."""

    extension: ExtensionId | None = None
    library_id: UUID | None = None


class RotateMasterKey(msgspec.Struct, frozen=True, kw_only=True):
    """Wrap all keys with a new master key; null: the server makes and keeps it. It is a secret, in base64."""

    master_key: bytes | None = None

    def __repr__(self) -> str:
        return "RotateMasterKey([sensitive])"


class TrimMachineCode(msgspec.Struct, frozen=True, kw_only=True):
    """Delete the machine code of all modules but the ``newest``."""

    newest: Annotated[int, Meta(ge=0)]


SEAL: Final = Endpoint(
    "seals.make", "POST", "/v1/seals", Scope.ADMIN, Nothing, SealShape, "Seal the log as it is", acts=True
)
ROTATE_SEAL_KEY: Final = Endpoint(
    "seals.rotate_key",
    "POST",
    "/v1/seals/key",
    Scope.ADMIN,
    Nothing,
    PublicKey,
    "Introduce a new key for seals",
    acts=True,
)
BACKUP: Final = Endpoint(
    "backups.make",
    "POST",
    "/v1/backups",
    Scope.ADMIN,
    MakeBackup,
    BackupShape,
    "Save the log in a folder of the server's machine",
    acts=True,
)
FOLD: Final = Endpoint(
    "jobs.fold",
    "POST",
    "/v1/folds",
    Scope.ADMIN,
    FoldJobs,
    FoldShape,
    "Remove the events of jobs that ended long ago",
    acts=True,
)
ERASURE: Final = Endpoint(
    "erasures.plan", "GET", "/v1/erasures/plan", Scope.ADMIN, PlanErasure, Erasure, "What an erasure would take along"
)
ERASE: Final = Endpoint(
    "erasures.make",
    "POST",
    "/v1/erasures",
    Scope.ADMIN,
    Erase,
    Erasure,
    "Make what was called with secrets unreadable for good",
    acts=True,
)
ROTATE_MASTER_KEY: Final = Endpoint(
    "keys.rotate_master",
    "POST",
    "/v1/keys/master",
    Scope.ADMIN,
    RotateMasterKey,
    MasterKeyId,
    "Wrap all keys with a new master key",
    acts=True,
)
TRIM: Final = Endpoint(
    "machine_code.trim",
    "POST",
    "/v1/machine-code/trim",
    Scope.ADMIN,
    TrimMachineCode,
    Trimmed,
    "Delete machine code that is seldom needed",
    acts=True,
)
LOCKED: Final = Endpoint(
    "jobs.locked",
    "GET",
    "/v1/locked-jobs",
    Scope.READ,
    Nothing,
    list[WaitingJob],
    "The jobs that wait because credentials are locked",
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    SEAL,
    ROTATE_SEAL_KEY,
    BACKUP,
    FOLD,
    ERASURE,
    ERASE,
    ROTATE_MASTER_KEY,
    TRIM,
    LOCKED,
)
