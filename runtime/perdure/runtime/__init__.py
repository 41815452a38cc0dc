"""perdure.runtime: open a data folder, install extensions, dispatch jobs, declare and call operations.

The public surface is what this module exports.
"""

from perdure.actors.hooks import ActorHooks
from perdure.actors.requeueing import ReplayLimit
from perdure.runtime.access.tokens import IssuedToken, Token
from perdure.runtime.ai.settings import AiEndpoint, AiSettings
from perdure.runtime.budgets.account import BudgetState
from perdure.runtime.budgets.budgets import AtEdge, Budget, Budgets, JobTypeBudgets
from perdure.runtime.budgets.stored import stored_budgets
from perdure.runtime.consent import Ask, Consent, ConsentRequest, Risk, Signer, grant_as_asked
from perdure.runtime.doubts import Doubt, doubt_of
from perdure.runtime.errors import (
    BadOperation,
    BudgetExceeded,
    CannotStep,
    ConsentDeclined,
    ConsentRequired,
    DuplicateOperation,
    ExtensionDisabled,
    ExtensionFolderError,
    ExtensionInUse,
    FileOutsideFolder,
    FileTooLarge,
    FileUnreadable,
    ForkRefused,
    InvalidGrant,
    InvalidKey,
    InvalidLimits,
    InvalidPayload,
    InvalidResolution,
    InvalidRetention,
    InvalidState,
    InvalidToken,
    InvalidUpgradePolicy,
    KeyReused,
    LibraryDenied,
    ManifestError,
    ManifestMissing,
    NoSuchCall,
    NoSuchSequence,
    NotAnExtensionFolder,
    NoUpdateProposed,
    OperationError,
    PerdureError,
    RehearsalRefused,
    RuntimeClosedError,
    StateTooLarge,
    UnknownExtension,
    UnknownJobType,
    UnknownToken,
    WasmMissing,
)
from perdure.runtime.extensions import ExtensionInfo, ProposedUpdate, installed_extensions
from perdure.runtime.facade.parts import DEFAULT_LIBRARY
from perdure.runtime.grants import NOTHING, Grant
from perdure.runtime.history import HistoryEntry, history, state_at
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.job_handle import JobHandle, Timings
from perdure.runtime.manifest import UpgradePolicy
from perdure.runtime.operations import CallContext, Effect, OperationFailed, Sensitive, action, query
from perdure.runtime.packages.errors import (
    BadPackage,
    InvalidFingerprint,
    NotAPackage,
    NotPinned,
    PackageError,
    PackageUnreadable,
    PublisherChanged,
    PublisherError,
    PublisherNotAccepted,
    SignatureMissing,
    UnsupportedPackage,
)
from perdure.runtime.packages.fingerprint import fingerprint
from perdure.runtime.packages.package_reader import PackageContents, check_package
from perdure.runtime.packages.pinning import Trust
from perdure.runtime.permission_use import PermissionsReport, permissions_report
from perdure.runtime.rehearsal.job_rehearser import RehearsalLimits
from perdure.runtime.rehearsal.rehearsal import JobRehearsal, Rehearsal
from perdure.runtime.retention.retention import FoldReport
from perdure.runtime.runtime import Runtime
from perdure.runtime.seals.errors import InvalidSeal, NotSealed, SealError, SealFileFailed, SealKeyLost
from perdure.runtime.seals.sealed_log import Seal
from perdure.runtime.secrets.erasure import Erasure
from perdure.runtime.secrets.errors import (
    CorruptKeys,
    CredentialsLocked,
    ErasureRefused,
    InvalidMasterKey,
    KeyDestroyed,
    KeyMissing,
    MasterKeyUnavailable,
    NeverSealed,
    SealBroken,
    SecretsError,
    UnsafeKeys,
    WrongMasterKey,
)
from perdure.runtime.secrets.passphrase import Argon2Parameters
from perdure.runtime.settings import RuntimeSettings
from perdure.runtime.signals import on_stop_signals
from perdure.runtime.upgrades import JobUpgrade, UpgradeReport
from perdure.runtime.vdfs.library import Library
from perdure.runtime.version import perdure_version
from perdure.runtime.wasm.errors import (
    BadExport,
    CleanupFailed,
    ForbiddenImports,
    InitFailed,
    InvalidWasm,
    ModuleError,
    NotWasm,
    UnsafeCacheFolder,
)
from perdure.store.errors import JobIsFolded
from perdure.store.event_store import JobPage, StoredEvent
from perdure.store.events import JobError, JobLimits, RetryPolicy
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

__all__ = [
    "DEFAULT_LIBRARY",
    "NOTHING",
    "ActorHooks",
    "AiEndpoint",
    "AiSettings",
    "Argon2Parameters",
    "Ask",
    "AtEdge",
    "BadExport",
    "BadOperation",
    "BadPackage",
    "Budget",
    "BudgetExceeded",
    "BudgetState",
    "Budgets",
    "CallContext",
    "CannotStep",
    "CleanupFailed",
    "Consent",
    "ConsentDeclined",
    "ConsentRequest",
    "ConsentRequired",
    "CorruptKeys",
    "CredentialsLocked",
    "Doubt",
    "DuplicateOperation",
    "Effect",
    "Erasure",
    "ErasureRefused",
    "ExtensionDisabled",
    "ExtensionFolderError",
    "ExtensionInUse",
    "ExtensionInfo",
    "FileOutsideFolder",
    "FileTooLarge",
    "FileUnreadable",
    "FoldReport",
    "ForbiddenImports",
    "ForkRefused",
    "Grant",
    "HistoryEntry",
    "HttpSettings",
    "InitFailed",
    "InvalidFingerprint",
    "InvalidGrant",
    "InvalidKey",
    "InvalidLimits",
    "InvalidMasterKey",
    "InvalidPayload",
    "InvalidResolution",
    "InvalidRetention",
    "InvalidSeal",
    "InvalidState",
    "InvalidToken",
    "InvalidUpgradePolicy",
    "InvalidWasm",
    "IssuedToken",
    "JobError",
    "JobHandle",
    "JobIsFolded",
    "JobLimits",
    "JobPage",
    "JobRehearsal",
    "JobState",
    "JobTypeBudgets",
    "JobUpgrade",
    "KeyDestroyed",
    "KeyMissing",
    "KeyReused",
    "Library",
    "LibraryDenied",
    "ManifestError",
    "ManifestMissing",
    "MasterKeyUnavailable",
    "ModuleError",
    "NeverSealed",
    "NoSuchCall",
    "NoSuchSequence",
    "NoUpdateProposed",
    "NotAPackage",
    "NotAnExtensionFolder",
    "NotPinned",
    "NotSealed",
    "NotWasm",
    "OperationError",
    "OperationFailed",
    "PackageContents",
    "PackageError",
    "PackageUnreadable",
    "PerdureError",
    "PermissionsReport",
    "ProposedUpdate",
    "PublisherChanged",
    "PublisherError",
    "PublisherNotAccepted",
    "Rehearsal",
    "RehearsalLimits",
    "RehearsalRefused",
    "ReplayLimit",
    "RetryPolicy",
    "Risk",
    "Runtime",
    "RuntimeClosedError",
    "RuntimeSettings",
    "Seal",
    "SealBroken",
    "SealError",
    "SealFileFailed",
    "SealKeyLost",
    "SecretsError",
    "Sensitive",
    "SignatureMissing",
    "Signer",
    "StateTooLarge",
    "Status",
    "StoredEvent",
    "Timings",
    "Token",
    "Trust",
    "UnknownExtension",
    "UnknownJobType",
    "UnknownToken",
    "UnsafeCacheFolder",
    "UnsafeKeys",
    "UnsupportedPackage",
    "UpgradePolicy",
    "UpgradeReport",
    "WasmMissing",
    "WrongMasterKey",
    "action",
    "check_package",
    "doubt_of",
    "fingerprint",
    "grant_as_asked",
    "history",
    "installed_extensions",
    "on_stop_signals",
    "perdure_version",
    "permissions_report",
    "query",
    "state_at",
    "stored_budgets",
]
