"""perdure.runtime: open a data folder, install extensions, dispatch jobs.

The public surface is what this module exports.
"""

from perdure.actors.hooks import ActorHooks
from perdure.runtime.budgets.account import BudgetState
from perdure.runtime.budgets.budgets import AtEdge, Budget, Budgets, JobTypeBudgets
from perdure.runtime.budgets.stored import stored_budgets
from perdure.runtime.consent import Ask, Consent, ConsentRequest, Risk, grant_as_asked
from perdure.runtime.errors import (
    BadExport,
    BadOperation,
    BudgetExceeded,
    CleanupFailed,
    ComponentNotSupported,
    ConsentDeclined,
    ConsentRequired,
    DuplicateOperation,
    ExtensionDisabled,
    ExtensionFolderError,
    ExtensionInUse,
    FileOutsideFolder,
    FileTooLarge,
    FileUnreadable,
    ForbiddenImports,
    InitFailed,
    InvalidGrant,
    InvalidLimits,
    InvalidPayload,
    InvalidState,
    InvalidWasm,
    LibraryDenied,
    ManifestError,
    ManifestMissing,
    ModuleError,
    NoSuchSequence,
    NotAnExtensionFolder,
    NotWasm,
    NoUpdateProposed,
    OperationError,
    PerdureError,
    RuntimeClosedError,
    StateTooLarge,
    UnknownExtension,
    UnknownJobType,
    UnsafeCacheFolder,
    WasmMissing,
)
from perdure.runtime.extensions import ExtensionInfo, ProposedUpdate, installed_extensions
from perdure.runtime.grants import NOTHING, Grant
from perdure.runtime.history import HistoryEntry, history, state_at
from perdure.runtime.job_handle import JobHandle, Timings
from perdure.runtime.permission_use import PermissionsReport, permissions_report
from perdure.runtime.runtime import DEFAULT_LIBRARY, Runtime, perdure_version
from perdure.runtime.settings import RuntimeSettings
from perdure.runtime.signals import on_stop_signals
from perdure.store.event_store import JobPage, StoredEvent
from perdure.store.events import JobError, JobLimits, RetryPolicy
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

__all__ = [
    "DEFAULT_LIBRARY",
    "NOTHING",
    "ActorHooks",
    "Ask",
    "AtEdge",
    "BadExport",
    "BadOperation",
    "Budget",
    "BudgetExceeded",
    "BudgetState",
    "Budgets",
    "CleanupFailed",
    "ComponentNotSupported",
    "Consent",
    "ConsentDeclined",
    "ConsentRequest",
    "ConsentRequired",
    "DuplicateOperation",
    "ExtensionDisabled",
    "ExtensionFolderError",
    "ExtensionInUse",
    "ExtensionInfo",
    "FileOutsideFolder",
    "FileTooLarge",
    "FileUnreadable",
    "ForbiddenImports",
    "Grant",
    "HistoryEntry",
    "InitFailed",
    "InvalidGrant",
    "InvalidLimits",
    "InvalidPayload",
    "InvalidState",
    "InvalidWasm",
    "JobError",
    "JobHandle",
    "JobLimits",
    "JobPage",
    "JobState",
    "JobTypeBudgets",
    "LibraryDenied",
    "ManifestError",
    "ManifestMissing",
    "ModuleError",
    "NoSuchSequence",
    "NoUpdateProposed",
    "NotAnExtensionFolder",
    "NotWasm",
    "OperationError",
    "PerdureError",
    "PermissionsReport",
    "ProposedUpdate",
    "RetryPolicy",
    "Risk",
    "Runtime",
    "RuntimeClosedError",
    "RuntimeSettings",
    "StateTooLarge",
    "Status",
    "StoredEvent",
    "Timings",
    "UnknownExtension",
    "UnknownJobType",
    "UnsafeCacheFolder",
    "WasmMissing",
    "grant_as_asked",
    "history",
    "installed_extensions",
    "on_stop_signals",
    "perdure_version",
    "permissions_report",
    "state_at",
    "stored_budgets",
]
