"""perdure.runtime: open a data folder, install extensions, dispatch jobs, declare and call operations.

The public surface is what this module exports.
"""

from typing import TYPE_CHECKING

from perdure.runtime.history import HistoryEntry, history, state_at
from perdure.store.lazy_exports import lazy_exports

if TYPE_CHECKING:
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
    from perdure.runtime.extension_info import ExtensionInfo, ProposedUpdate, installed_extensions
    from perdure.runtime.grants import NOTHING, Grant
    from perdure.runtime.http.settings import HttpSettings
    from perdure.runtime.identifiers import DEFAULT_LIBRARY
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
        BoundaryUnavailable,
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
else:
    __getattr__ = lazy_exports(
        __name__,
        {
            "perdure.actors.hooks": "ActorHooks",
            "perdure.actors.requeueing": "ReplayLimit",
            "perdure.runtime.access.tokens": "IssuedToken Token",
            "perdure.runtime.ai.settings": "AiEndpoint AiSettings",
            "perdure.runtime.budgets.account": "BudgetState",
            "perdure.runtime.budgets.budgets": "AtEdge Budget Budgets JobTypeBudgets",
            "perdure.runtime.budgets.stored": "stored_budgets",
            "perdure.runtime.consent": "Ask Consent ConsentRequest Risk Signer grant_as_asked",
            "perdure.runtime.doubts": "Doubt doubt_of",
            "perdure.runtime.errors": (
                "BadOperation BudgetExceeded CannotStep ConsentDeclined ConsentRequired DuplicateOperation "
                "ExtensionDisabled ExtensionFolderError ExtensionInUse FileOutsideFolder FileTooLarge FileUnreadable "
                "ForkRefused InvalidGrant InvalidKey InvalidLimits InvalidPayload InvalidResolution InvalidRetention "
                "InvalidState InvalidToken InvalidUpgradePolicy KeyReused LibraryDenied ManifestError ManifestMissing "
                "NoSuchCall NoSuchSequence NotAnExtensionFolder NoUpdateProposed OperationError PerdureError "
                "RehearsalRefused RuntimeClosedError StateTooLarge UnknownExtension UnknownJobType UnknownToken "
                "WasmMissing"
            ),
            "perdure.runtime.extension_info": "ExtensionInfo ProposedUpdate installed_extensions",
            "perdure.runtime.identifiers": "DEFAULT_LIBRARY",
            "perdure.runtime.grants": "NOTHING Grant",
            "perdure.runtime.http.settings": "HttpSettings",
            "perdure.runtime.job_handle": "JobHandle Timings",
            "perdure.runtime.manifest": "UpgradePolicy",
            "perdure.runtime.operations": "CallContext Effect OperationFailed Sensitive action query",
            "perdure.runtime.packages.errors": (
                "BadPackage InvalidFingerprint NotAPackage NotPinned PackageError PackageUnreadable PublisherChanged "
                "PublisherError PublisherNotAccepted SignatureMissing UnsupportedPackage"
            ),
            "perdure.runtime.packages.fingerprint": "fingerprint",
            "perdure.runtime.packages.package_reader": "PackageContents check_package",
            "perdure.runtime.packages.pinning": "Trust",
            "perdure.runtime.permission_use": "PermissionsReport permissions_report",
            "perdure.runtime.rehearsal.job_rehearser": "RehearsalLimits",
            "perdure.runtime.rehearsal.rehearsal": "JobRehearsal Rehearsal",
            "perdure.runtime.retention.retention": "FoldReport",
            "perdure.runtime.runtime": "Runtime",
            "perdure.runtime.seals.errors": "InvalidSeal NotSealed SealError SealFileFailed SealKeyLost",
            "perdure.runtime.seals.sealed_log": "Seal",
            "perdure.runtime.secrets.erasure": "Erasure",
            "perdure.runtime.secrets.errors": (
                "CorruptKeys CredentialsLocked ErasureRefused InvalidMasterKey KeyDestroyed KeyMissing "
                "MasterKeyUnavailable NeverSealed SealBroken SecretsError UnsafeKeys WrongMasterKey"
            ),
            "perdure.runtime.secrets.passphrase": "Argon2Parameters",
            "perdure.runtime.settings": "RuntimeSettings",
            "perdure.runtime.signals": "on_stop_signals",
            "perdure.runtime.upgrades": "JobUpgrade UpgradeReport",
            "perdure.runtime.vdfs.library": "Library",
            "perdure.runtime.version": "perdure_version",
            "perdure.runtime.wasm.errors": (
                "BadExport BoundaryUnavailable CleanupFailed ForbiddenImports InitFailed InvalidWasm ModuleError "
                "NotWasm UnsafeCacheFolder"
            ),
            "perdure.store.errors": "JobIsFolded",
            "perdure.store.event_store": "JobPage StoredEvent",
            "perdure.store.events": "JobError JobLimits RetryPolicy",
            "perdure.store.job_state": "JobState",
            "perdure.store.lifecycle": "Status",
        },
    )

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
    "BoundaryUnavailable",
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
